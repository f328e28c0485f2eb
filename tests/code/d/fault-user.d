BEGIN
{
	s = copyinstr(0x123);
}
BEGIN
{
	printf("[%s]\n", s);
	exit(0);
}
