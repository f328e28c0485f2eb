BEGIN
{
	p = (int *)0xffff888000001000;
	printf("%p %x\n", p, (uint64_t)p);
	printf("%p\n", p + 2);
	printf("%a\n", p);
	exit(0);
}
