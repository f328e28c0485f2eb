/* What the kernel has decides, when the clause is compiled. */
BEGIN
{
	printf("%d %d %d %d\n", defined(args[3]->value), defined(args[3]->worth), defined(struct node), defined(struct edge));
	printf("%d\n", defined(args[3]->worth) ? args[3]->worth : defined(args[3]->value) ? args[3]->value : 0);
	printf("%d\n", defined(`counter) ? `counter : `absent);
	printf("%d %d\n", defined(args[3]->worth) && args[3]->worth > 3, !defined(args[3]->worth) || args[3]->worth);
	if (!defined(struct edge))
		printf("no edges\n");
	else
		printf("%d\n", sizeof(struct edge));
}
