// run: place
// run: noresolve
// run: stackindent 2
BEGIN
{
	stack(1);
	ustack();
	printf("%A", uaddr(0x400010));
	exit(0);
}
