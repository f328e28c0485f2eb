/* ++ and -- wrap at the variable's width; the postfix forms give what was there. */
char c;
unsigned char uc;
short s;
uint16_t us;
unsigned int ui;
BEGIN
{
	c = 127; uc = 255; s = -32768; us = 0; ui = 0;
	printf("%d %d\n", c++, c);
	printf("%d %d\n", ++uc, uc);
	printf("%d %d\n", s--, s);
	printf("%d %d\n", --us, us);
	printf("%u %u\n", ui--, ui);
	self->n++; self->n++; --self->n;
	this->m--;
	a["k"]++; a["k"]++; a["j"]--;
	printf("%d %d %d %d\n", self->n, this->m, a["k"], a["j"]);
	this->p = (int *)0x1000;
	this->p++; ++this->p; this->q = this->p--;
	printf("%p %p\n", this->p, this->q);
}
