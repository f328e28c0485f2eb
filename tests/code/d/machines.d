// run: place
// A pointer remembers its machine.
BEGIN
{
	printf("%x %x\n", `counter, db`vmlinux`counter);
	printf("%s %s\n", `greeting, db`vmlinux`greeting);
	printf("%d %d\n", db`vmlinux`first_node.next->value, `first_node.next->value);
	this->i = 3;
	printf("%d %d\n", db`vmlinux`bytes[2], db`vmlinux`bytes[this->i]);
	printf("%x\n", *db`vmlinux`head);
	g = db`vmlinux`head;
	h = `head;
	self->p = db`vmlinux`head;
	list[1] = db`vmlinux`head + 1;
	printf("%x %x %x %x\n", *g, *h, *self->p, *list[1]);
	this->which = 1;
	printf("%x %x\n", *(this->which ? g : h), *(this->which ? `head : g));
	g = this->which ? h : g;
	printf("%x\n", g[2]);
	exit(0);
}
