/* Unions, arrays in structures, enumerations with values, typedefs of typedefs, sizeof and offsetof of it all. */
typedef unsigned char byte_t;
typedef byte_t bytes_t[4];
enum level { LOW, MID = 10, HIGH, TOP = HIGH * 2 };
union word { uint32_t all; uint16_t half[2]; bytes_t b; };
typedef struct packet { byte_t kind; union word w; enum level l; char name[6]; struct { short x, y; } at[2]; } packet_t;
packet_t p;
union word w;
BEGIN
{
	w.all = 0x11223344;
	printf("%x %x %x %x\n", w.half[0], w.half[1], w.b[0], w.b[3]);
	w.b[1] = 0xff; w.half[1]++;
	printf("%x\n", w.all);
	p.kind = 300; p.w = w; p.l = TOP; p.name = "packet"; p.at[1].y = -5; p.at[0].x = p.at[1].y * 2;
	printf("%d %x %d %s %d %d\n", p.kind, p.w.all, p.l, p.name, p.at[1].y, p.at[0].x);
	printf("%d %d %d %d\n", LOW, MID, HIGH, TOP);
	printf("%d %d %d %d\n", sizeof(packet_t), sizeof(union word), sizeof(bytes_t), sizeof(enum level));
	printf("%d %d %d %d\n", offsetof(packet_t, w), offsetof(packet_t, name), offsetof(struct packet, at), offsetof(packet_t, l));
	printf("%d %d\n", p.l == TOP, p.l > HIGH);
}
