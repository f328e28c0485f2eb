// Integer arithmetic in the type of the operands.
BEGIN
{
	x = 7; y = 3;
	printf("%d %d %d %d %d\n", x + y, x - y, x * y, x / y, x % y);
	printf("%d %d\n", -x / y, -x % y);
	printf("%d %d %d\n", x & y, x | y, x ^ y);
	printf("%d %d %d\n", ~x, -x, +x);
	printf("%d %d\n", x << y, x >> 1);
	printf("%d %d\n", 1 + 2 * 3 - 4 / 2, (1 + 2) * (3 - 4) / 2);
	exit(0);
}
