// The usual arithmetic conversions: signed meets unsigned.
BEGIN
{
	this->i = -1;
	this->u = (unsigned int)1;
	this->l = (int64_t)-1;
	printf("%d %d\n", this->i < this->u, this->l < this->u);
	printf("%u %d\n", this->i + this->u, this->l + this->u);
	printf("%u\n", this->i / this->u);
	exit(0);
}
