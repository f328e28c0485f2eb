BEGIN
{
	printf("%d %d %d\n", arg0, arg1, arg9);
	printf("%d\n", arg0 + arg1 * 2);
	exit(0);
}
