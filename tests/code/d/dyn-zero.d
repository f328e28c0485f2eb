// A 0 that is known only when it is stored frees an element, as a constant 0 does.
string s[int];
struct node *p[int];
BEGIN
{
	zero = 0;
	a[1] = 5; a[1] = zero; a[2] = zero; a[3] = zero + 3;
	s[1] = "x"; s[1] = s[2]; s[3] = "there";
	p[1] = (struct node *)arg3; p[1] = p[2]; p[3] = (struct node *)arg3;
	printf("%d %d %d [%s] [%s] %d %d\n", a[1], a[2], a[3], s[1], s[3], p[1] == NULL, p[3] == NULL);
}
BEGIN
{
	self->n = 2; self->n--; printf("%d", self->n);
	self->n--; printf(" %d", self->n);
	self->n--; printf(" %d", self->n);
	printf(" %d", self->n += 1);
	self->k["x"] = 1; self->k["x"]--; printf(" %d", self->k["x"]++);
	printf(" %d", self->k["x"]);
	printf(" %d %d\n", b["x"]--, b["x"] + (a[3] = zero));
}
