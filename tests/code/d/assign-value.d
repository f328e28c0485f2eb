// An assignment has the value that was stored.
char c;
BEGIN
{
	x = y = z = 4;
	printf("%d %d %d\n", x, y, z);
	printf("%d\n", c = 300);
	printf("%d %d\n", x += 3, x);
	s = t = "same";
	printf("%s %s\n", s, t);
	exit(0);
}
