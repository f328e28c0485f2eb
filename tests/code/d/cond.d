BEGIN
{
	x = 3;
	printf("%d %d\n", x > 2 ? 10 : 20, x > 5 ? 10 : 20);
	printf("%s %s\n", x > 2 ? "big" : "small", x > 5 ? "big" : "small");
	printf("%d\n", x == 1 ? 100 : x == 2 ? 200 : x == 3 ? 300 : 400);
	printf("%d\n", (x > 2 ? x : -x) + (x < 2 ? x : -x));
	exit(0);
}
