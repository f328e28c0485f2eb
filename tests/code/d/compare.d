BEGIN
{
	x = 5; y = -5;
	printf("%d%d%d%d%d%d\n", x < y, x <= y, x > y, x >= y, x == y, x != y);
	printf("%d%d%d%d%d%d\n", x < 5, x <= 5, x > 5, x >= 5, x == 5, x != 5);
	printf("%d%d%d%d\n", 5 < x, 6 > x, 5 == x, -5 == y);
	printf("%d%d\n", (uint64_t)y > (uint64_t)x, (unsigned int)y > (unsigned int)x);
	exit(0);
}
