/* Whole structures: from one variable to another, to and from elements, from the kernel's memory. */
struct point { int x, y; };
struct line { struct point from, to; uint8_t pad; };
struct line a, b;
struct point pts[int];
self struct line l;
struct node n;
struct out o;
BEGIN
{
	a.from.x = 1; a.from.y = 2; a.to.x = 3; a.to.y = 4; a.pad = 5;
	b = a;
	a.from.x = 99;
	printf("%d %d %d %d %d\n", b.from.x, b.from.y, b.to.x, b.to.y, b.pad);
	b.to = b.from;
	pts[7] = b.to;
	self->l = b;
	printf("%d %d %d %d\n", pts[7].x, pts[7].y, self->l.to.x, self->l.pad);
	b.to = pts[8];
	printf("%d %d\n", b.to.x, b.to.y);
	self->l = 0;
	printf("%d %d\n", self->l.to.x, self->l.pad);
	n = *(struct node *)&`first_node;
	n = `first_node;
	printf("%d %d\n", n.value, n.next->value);
	o = *(struct out *)&`bytes;
	printf("0x%x %d %d %d\n", o.i, o.in.b, o.arr[3], o.s);
}
