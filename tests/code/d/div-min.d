/* The one quotient that does not fit wraps; remainders have the dividend's sign. */
int64_t l;
int i;
BEGIN
{
	l = -0x7fffffffffffffff - 1; i = -2147483647 - 1; this->m = -1;
	printf("%d %d\n", l / this->m, l % this->m);
	printf("%d %d\n", i / this->m, i % this->m);
	printf("%d %d %d %d\n", 7 / -2, 7 % -2, -7 / 2, -7 % 2);
	printf("%u %u\n", (uint64_t)l / 3, (uint64_t)-1 % 10);
	printf("%d %d\n", (unsigned int)i / 3, i / 3);
}
