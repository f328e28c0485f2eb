// The right side runs only when the left one does not decide.
BEGIN
{
	n = 0;
	x = 0 && n++;
	x = 1 || n++;
	z = 0;
	x = z && n++;
	printf("%d\n", n);
	x = !z && ++n;
	x = z || ++n;
	printf("%d\n", n);
	printf("%d\n", z && 1 / z);
	exit(0);
}
