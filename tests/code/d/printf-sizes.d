/* Conversions with C's sizes take arguments of just that size. */
short s;
unsigned short us;
long l;
unsigned long ul;
BEGIN
{
	s = -2; us = 65534; l = -3; ul = 0xfffffffffffffffd;
	printf("%hd %hi %hu %ho %hx %hX\n", s, s, us, us, us, us);
	printf("%ld %li %lu %lo %lx %lX\n", l, l, ul, ul, ul, ul);
	printf("%lld %lli %llu %llo %llx %llX\n", l, l, ul, ul, ul, ul);
	printf("%hx %lx %llX\n", s, l, l);
	printf("%hhd %hhu %hhx\n", (char)-1, (unsigned char)255, (char)-1);
	printf("%5hd|%-8ld|%08lx|%#lx\n", s, l, 255L, 255L);
	printf("%d %u %x %o\n", s, us, s, s);
	printf("%d %u %x\n", l, ul, l);
}
