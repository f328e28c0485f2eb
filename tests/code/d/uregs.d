// run: place
BEGIN
{
	x = 3;
	printf("%d\n", uregs[x] - uregs[x - 1]);
	exit(0);
}
