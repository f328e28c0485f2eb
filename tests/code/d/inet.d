/* Addresses as text, from memory of any kind. */
BEGIN
{
	this->p = (uint8_t *)alloca(16);
	this->p[0] = 0xfe; this->p[1] = 0x80; this->p[8] = 2; this->p[9] = 0x14; this->p[10] = 0x4f; this->p[11] = 0xff;
	this->p[2] = 0; this->p[3] = 0; this->p[4] = 0; this->p[5] = 0; this->p[6] = 0; this->p[7] = 0;
	this->p[12] = 0xfe; this->p[13] = 0x0b; this->p[14] = 0x76; this->p[15] = 0xc8;
	printf("%s %s\n", inet_ntoa6((void *)this->p), inet_ntop(10, this->p));
	printf("%s %s\n", inet_ntoa((uint32_t *)this->p), inet_ntop(2, this->p + 12));
	printf("%s\n", link_ntop(1, this->p));
	this->p[0] = 0; this->p[1] = 0; this->p[8] = 0; this->p[9] = 0; this->p[10] = 0xff; this->p[11] = 0xff;
	this->p[12] = 127; this->p[13] = 0; this->p[14] = 0; this->p[15] = 1;
	printf("%s %s %s\n", inet_ntoa6(this->p), inet_ntoa6(this->p, 1), inet_ntop(10, this->p));
	this->p[10] = 0; this->p[11] = 0;
	printf("%s %s\n", inet_ntoa6(this->p), inet_ntop(10, this->p));
	this->p[12] = 0;
	printf("%s\n", inet_ntop(10, this->p));
	this->p[15] = 0;
	printf("%s\n", inet_ntop(10, this->p));
	this->p[0] = 0x20; this->p[1] = 1;
	printf("%s\n", inet_ntop(10, this->p));
	printf("%s\n", inet_ntoa((void *)&`counter));
}
BEGIN { trace(inet_ntop(3, &`counter)); }
