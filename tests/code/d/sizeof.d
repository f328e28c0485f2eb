BEGIN
{
	printf("%d %d %d %d\n", sizeof (char), sizeof (short), sizeof (int), sizeof (long));
	printf("%d %d\n", sizeof (struct node), sizeof (void *));
	x = 5;
	printf("%d %d\n", sizeof (x), sizeof (((struct label *)0)->text));
	printf("%d %d %d %d\n", sizeof (major_t), sizeof (daddr_t), sizeof (intmax_t), sizeof (in_addr_t));
	exit(0);
}
