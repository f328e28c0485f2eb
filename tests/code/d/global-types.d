int8_t a; uint8_t b; int16_t c; uint16_t d; int32_t e; uint32_t f; int64_t g; uint64_t h;
BEGIN
{
	a = b = c = d = e = f = g = h = -1;
	printf("%d %d %d %d %d %d %d %d\n", a, b, c, d, e, f, g, h);
	a = 0x123456789abcdef0; b = a; c = 0x123456789abcdef0;
	d = c; e = 0x123456789abcdef0; f = e; g = 0x123456789abcdef0; h = g;
	printf("%x %x %x %x %x %x %x %x\n", a, b, c, d, e, f, g, h);
	exit(0);
}
