BEGIN
{
	printf("%Y\n", (int64_t)1700000000000000000);
	printf("%T\n", (int64_t)1700000000000000000);
	exit(0);
}
