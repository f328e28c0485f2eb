BEGIN
{
	x = 1;
	y = 0;
	x = x / y;
}
BEGIN
{
	x %= y;
}
BEGIN
{
	printf("%d\n", x);
	exit(0);
}
