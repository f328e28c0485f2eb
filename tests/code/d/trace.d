BEGIN
{
	trace(1); printf(" ");
	trace(-1); printf(" ");
	trace((unsigned char)-1); printf(" ");
	trace((uint64_t)-1); printf(" ");
	trace("str"); printf(" ");
	trace(execname);
	exit(0);
}
