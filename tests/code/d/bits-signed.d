/* Bit-fields: signed ones, ones of one bit, what does not fit, neighbours that stay. */
struct f { int a:4; unsigned int b:4; int c:1; unsigned int d:1; uint64_t e:40; uint16_t g; };
struct f f;
BEGIN
{
	f.a = 7; f.b = 15; f.c = 1; f.d = 1; f.e = 0xffffffffff; f.g = 9;
	printf("%d %d %d %d %x %d\n", f.a, f.b, f.c, f.d, f.e, f.g);
	f.a++; f.b++; f.d++; f.e += 2;
	printf("%d %d %d %d %x %d\n", f.a, f.b, f.c, f.d, f.e, f.g);
	f.a = -9; f.b = -1; f.e = -1;
	printf("%d %d %x\n", f.a, f.b, f.e);
	printf("%d %d\n", f.a == 7, f.b > 14);
	printf("%d\n", sizeof(struct f));
}
