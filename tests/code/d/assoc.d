BEGIN
{
	a[1] = 10;
	a[2] = 20;
	a[-1] = -10;
	printf("%d %d %d %d\n", a[1], a[2], a[-1], a[3]);
	a[1] += 5;
	a[3]++;
	printf("%d %d\n", a[1], a[3]);
	a[1] = 0;
	printf("%d\n", a[1]);
	exit(0);
}
