int64_t a;
uint64_t b;
BEGIN
{
	a = 0x7fffffffffffffff;
	b = 0xffffffffffffffff;
	printf("%d %d\n", a, a + 1);
	printf("%u %u %x\n", b, b / 10, b >> 4);
	printf("%d %d\n", a / -1, a % 10);
	printf("%d\n", (int64_t)b / 2);
	printf("%u\n", b * b);
	exit(0);
}
