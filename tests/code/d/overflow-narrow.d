char c;
unsigned char uc;
short s;
BEGIN
{
	c = 127; c++;
	uc = 255; uc++;
	s = 32767; s += 1;
	printf("%d %d %d\n", c, uc, s);
	uc--;
	c -= 1;
	printf("%d %d\n", c, uc);
	exit(0);
}
