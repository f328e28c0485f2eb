/* Members of structures: nested, arrays, text, all scopes. */
struct point { int x, y; };
struct rect { struct point a, b; char name[8]; uint8_t tags[4]; };
struct rect r;
this struct point p;
self struct point s;
BEGIN
{
	r.a.x = 1;
	r.a.y = -2;
	r.b.x = r.a.x + 40;
	r.name = "a long name";
	r.tags[2] = 300;
	printf("%d %d %d %d [%s] %d %d\n", r.a.x, r.a.y, r.b.x, r.b.y, r.name, r.tags[2], r.tags[1]);
	r.name[1] = 'X';
	printf("[%s] %c\n", r.name, r.name[0]);
	r.name = "";
	printf("[%s] %d\n", r.name, r.name[3]);
	this->p.x = 7;
	self->s.y = this->p.x * 2;
	printf("%d %d %d %d\n", this->p.x, this->p.y, self->s.x, self->s.y);
	r.a.x++;
	--r.a.y;
	r.b.x += 8;
	r.b.x -= 1;
	r.b.x <<= 1;
	r.b.x %= 50;
	printf("%d %d %d %d %d\n", r.a.x++, r.a.x, ++r.a.y, r.a.y--, r.b.x);
	r.tags[0] = 255;
	r.tags[0]++;
	r.tags[3] -= 1;
	printf("%d %d %d\n", r.tags[0], r.tags[3], r.tags[1]);
}
BEGIN { printf("this %d self %d\n", this->p.x, self->s.y); }
tick-1s { printf("this %d self %d\n", this->p.x, self->s.y); self->s.y++; this->p.x = 1; }
