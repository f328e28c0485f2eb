// Addresses in user space are the process's, whatever way they are kept.
struct three { int a, b; char text[4]; };
userland char *u;
struct keep { userland int *p; int other; };
struct keep k;
BEGIN
{
	this->i = (userland int *)0x400040;
	printf("%s %c %d %d %d\n", stringof((userland char *)0x400000), *(userland char *)0x400005, this->i[1], *this->i,
	    ((userland struct three *)0x400040)->b);
	u = (userland char *)0x400000;
	self->t = (userland struct three *)0x400040;
	elem["x"] = &this->i[2];
	k.p = this->i;
}
BEGIN
{
	printf("%s %s %c %d %d %d\n", stringof(u), stringof(u + 5), u[6], self->t->b, *elem["x"], *k.p);
	this->t = *self->t;
	printf("%d %d\n", this->t.a, this->t.b);
	print(*self->t);
	tracemem(u, 9);
	tracemem(k.p, 8);
	this->p = 1 ? u : (userland char *)0x400001;
	printf("%c %s\n", *this->p, stringof(&u[5]));
	this->buf = (char *)alloca(16);
	bcopy(u, this->buf, 10);
	printf("%s\n", stringof(this->buf));
}
BEGIN { trace(*(userland int *)0xffff888000001000); }
BEGIN { trace(*(int *)0x400040); }
struct with { char *p; };
struct with w;
BEGIN { w = *(userland struct with *)0x400000; printf("%d\n", w.p != NULL); trace(*w.p); }
