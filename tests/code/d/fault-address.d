BEGIN
{
	printf("never printed\n");
	x = *(int *)8;
}
BEGIN
{
	printf("goes on\n");
}
ERROR
{
	printf("ERROR: epid %d, fault %d, value %x\n", arg1, arg4, arg5);
}
