BEGIN
{
	printf("%d %d %d\n", args[0], args[1], args[2]);
	printf("%d %d\n", args[3]->value, args[3]->next->value);
	@[args[1]] = count();
	exit(0);
}
