BEGIN
{
	this->p = (struct out *)0xffff888000001010;
	printf("%x %x %x\n", this->p->i, this->p->in.a, this->p->in.b);
	printf("%x %x\n", this->p->arr[0], this->p->arr[3]);
	this->i = 2;
	printf("%x\n", this->p->arr[this->i]);
	printf("%x %x\n", this->p->s, this->p->c);
	printf("%x\n", this->p[1].i);
	printf("%p %p\n", &this->p->in, &this->p->arr[2]);
	exit(0);
}
