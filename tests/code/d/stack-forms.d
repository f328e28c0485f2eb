// run: place
BEGIN
{
	stack(2);
	ustack();
	ustack(1);
	ustack(2, 100);
	jstack();
	trace(stack(1));
	printf("depth %d %d, ucaller %x\n", stackdepth, ustackdepth, ucaller);
	exit(0);
}
