/* Bit-fields, as x86-64's C lays them out. */
struct b { uint32_t a:3, b:7; int c:6; unsigned d:16; unsigned :0; int8_t e:2; uint64_t f:50; };
struct b v;
union { struct b bits; uint64_t words[3]; } u;
BEGIN
{
	v.a = 9; v.b = 100; v.c = -5; v.d = 0x1ffff; v.e = 3; v.f = -1;
	printf("%d %d %d %d %d %d, %d bytes\n", v.a, v.b, v.c, v.d, v.e, v.f, sizeof(struct b));
	v.b++; v.c -= 28; v.f = 5; v.a += 7;
	printf("%d %d %d %d %d %d\n", v.a, v.b, v.c, v.d, v.e, v.f);
	printf("%d %d %d\n", v.b++, ++v.b, v.a = 15);
	u.bits = v;
	printf("%x %x %x\n", u.words[0], u.words[1], u.words[2]);
}
