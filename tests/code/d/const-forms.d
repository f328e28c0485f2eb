BEGIN
{
	printf("%d %d %d %d\n", 10, 010, 0x10, 'a');
	printf("%d %u\n", 0x80000000, 0xffffffffu);
	printf("%d\n", 0x7fffffffffffffff);
	printf("%d %d %d\n", '\n', '\0', '\x41');
	printf("%d\n", 123456789012345);
	exit(0);
}
