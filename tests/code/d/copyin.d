BEGIN
{
	printf("%s\n", copyinstr(0x400000));
	printf("%s\n", copyinstr(0x400000, 5));
	this->p = (int *)copyin(0x400040, 12);
	printf("%d %d %d\n", this->p[0], this->p[1], *(this->p + 2));
	printf("%d\n", *(int *)copyin(0x400040 + 4, 4));
	printf("%s\n", stringof((char *)copyin(0x400000, 16)));
	exit(0);
}
