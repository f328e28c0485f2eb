// Values are cut to the width of their type and extended by its sign.
BEGIN
{
	this->c = (char)200;
	this->uc = (unsigned char)200;
	this->s = (short)40000;
	this->us = (unsigned short)40000;
	this->i = (int)3000000000;
	this->u = (unsigned int)3000000000;
	printf("%d %d %d %d %d %d\n", this->c, this->uc, this->s, this->us, this->i, this->u);
	printf("%d %u %x\n", this->i + this->i, this->u + this->u, this->u * 2);
	printf("%d\n", this->uc + this->uc);
	printf("%d %d\n", this->u >> 31, this->i >> 31);
	exit(0);
}
