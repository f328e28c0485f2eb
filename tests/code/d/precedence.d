/* C's precedence. */
BEGIN
{
	a = 6; b = 3; c = 2;
	printf("%d %d %d\n", a + b * c, (a + b) * c, a - b - c);
	printf("%d %d\n", a << 1 + 1, a >> 1 << 1);
	printf("%d %d %d\n", a & b == 3, (a & b) == 2, a | b ^ c);
	printf("%d %d\n", a > b > c, a < b == 0);
	printf("%d %d\n", -a % 4, ~a & 7);
	printf("%d %d\n", a ? b ? 1 : 2 : 3, 0 ? 1 : 0 ? 2 : 3);
	printf("%d %d\n", !a == 0, !(a == 0));
	printf("%d\n", a = b = c + 1);
	printf("%d %d\n", a * b / c * 2, a % 4 * 2);
	printf("%d %d\n", 1 ? 2 : 3 + 10, sizeof(int) * 2);
	printf("%d %d\n", - - a, a - -b);
	printf("%d %d\n", a & 3 | 8 ^ 1, 0 ^^ 1 || 0);
}
