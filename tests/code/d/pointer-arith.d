BEGIN
{
	this->p = (unsigned short *)0xffff888000001000;
	printf("%x %x %x\n", *this->p, *(this->p + 1), this->p[2]);
	this->i = 3;
	printf("%x %x\n", this->p[this->i], *(this->p + this->i - 1));
	this->q = this->p + 5;
	printf("%d %d\n", this->q - this->p, this->q > this->p);
	this->q--;
	printf("%x\n", *this->q);
	this->q += 2;
	printf("%x\n", *this->q++);
	printf("%x\n", *++this->q);
	printf("%d\n", *(char *)(this->p + 100));
	exit(0);
}
