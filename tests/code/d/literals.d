/* Every form of a constant. */
BEGIN
{
	printf("%d %d %d %d\n", 10, 0x1f, 0X1F, 017);
	printf("%d %u %d %u\n", 2147483648, 4294967295u, 0xffffffffffffffff, 18446744073709551615ull);
	printf("%d %d %d %d\n", sizeof(1), sizeof(1L), sizeof(1u), sizeof(4294967296));
	printf("%d %d %d %d %d %d\n", 'a', '\n', '\\', '\'', '\0', '\377');
	printf("%x %x %x %d\n", 'ab', 'abcd', 'abcdefgh', sizeof('abcde'));
	printf("[%s] [%s] %d\n", "a\tb\"c", "\x41\102\?", sizeof("four"));
}
