/* Integer constants: their types follow their value, base and suffix. */
BEGIN
{
	printf("%d %d %d %d\n", sizeof(1), sizeof(2147483647), sizeof(2147483648), sizeof(1L));
	printf("%d %d %d\n", sizeof(0x7fffffff), sizeof(0xffffffff), sizeof(0x100000000));
	printf("%d %d\n", sizeof(1U), sizeof(1ULL));
	printf("%d %d\n", -1 < 0u, -1 < 0xffffffff);
	printf("%u %x\n", 0xffffffffffffffff, 18446744073709551615ull);
	printf("%d %d\n", 0777, 00);
	printf("%d %d\n", 2147483647 + 1, -2147483648);
	printf("%d\n", 0xDEADbeef);
}
