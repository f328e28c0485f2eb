BEGIN
{
	this->p = (struct bits *)0xffff888000001080;
	printf("%d %d %d %x\n", this->p->a, this->p->b, this->p->c, this->p->d);
	exit(0);
}
