_Bool b;
BEGIN
{
	b = 5;
	printf("%d %d\n", b, (_Bool)0x100);
	exit(0);
}
