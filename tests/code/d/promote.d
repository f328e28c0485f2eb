/* Integer promotions: what is narrower than int is computed as int; the result of an operator has the promoted type. */
char c;
unsigned char uc;
short s;
unsigned short us;
unsigned int ui;
int64_t l;
BEGIN
{
	c = 127; uc = 255; s = 32767; us = 65535; ui = 0xffffffff; l = -1;
	printf("%d %d %d %d\n", c + 1, uc + 1, s + 1, us + 1);
	printf("%d %d %d\n", ~uc, -us, !uc);
	printf("%d %d %d %d\n", sizeof(c + c), sizeof(uc), sizeof(us + l), sizeof(c ? c : s));
	printf("%u %d\n", ui + 1, ui + 1 == 0);
	printf("%d %d\n", c * c, us * us);
	printf("%d %d\n", uc << 4, (char)(uc << 4));
	printf("%d %d\n", l < ui, -1 < ui);
	printf("%d\n", c - uc);
}
