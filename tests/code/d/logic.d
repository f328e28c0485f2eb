BEGIN
{
	a = 1; b = 0;
	printf("%d%d%d%d\n", a && a, a && b, b && a, b && b);
	printf("%d%d%d%d\n", a || a, a || b, b || a, b || b);
	printf("%d%d%d%d\n", a ^^ a, a ^^ b, b ^^ a, b ^^ b);
	printf("%d%d%d\n", !a, !b, !!a);
	printf("%d\n", a && !b && (b || a) && !(a && b));
	exit(0);
}
