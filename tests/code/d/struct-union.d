/* Unions, and members of structures without a name. */
union u { uint64_t all; uint8_t b[8]; struct { uint32_t lo, hi; }; char text[8]; };
struct s { int kind; union { int i; char c[4]; }; struct { int deep; } in; };
this union u v;
struct s s;
BEGIN
{
	this->v.all = 0x1122334455667788;
	printf("%x %x %x %x\n", this->v.b[0], this->v.b[7], this->v.lo, this->v.hi);
	this->v.hi = 0x64636261;
	this->v.lo = 0x31303030;
	printf("%s\n", this->v.text);
	s.i = 0x41424344; s.in.deep = 4;
	printf("%c%c%c%c %d %d\n", s.c[0], s.c[1], s.c[2], s.c[3], s.in.deep, sizeof(struct s));
}
