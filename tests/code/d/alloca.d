/* Scratch memory of the script's own: written through pointers, by bcopy() and copyinto(); nothing else can be. */
BEGIN
{
	this->p = (int *)alloca(16);
	*this->p = 7;
	this->p[1] = -3;
	this->p[2] = this->p[0] + this->p[1];
	this->p[3] = this->p[2]++;
	printf("%d %d %d %d\n", this->p[0], this->p[1], this->p[2], this->p[3]);
	this->p[0] += 5; this->p[1] <<= 2; --this->p[2];
	printf("%d %d %d %d\n", *this->p, this->p[1], this->p[2], (this->p[3] = 9));
	this->n = (struct node *)alloca(sizeof(struct node));
	this->n->value = 0x1122334455667788;
	this->n->next = &`first_node;
	printf("%x %d\n", this->n->value, this->n->next->value);
	this->s = (char *)alloca(16);
	bcopy(&`greeting, this->s, 13);
	this->s[5] = '!';
	printf("%s\n", stringof(this->s));
	copyinto(0x400000, 10, this->s);
	printf("%s\n", stringof(this->s));
	tracemem(this->p, 16);
}
BEGIN { this->k = (int *)0xffff888000001000; *this->k = 1; }
BEGIN { this->m = &`first_node; this->m->value = 1; }
BEGIN { this->q = (char *)alloca(8); this->q[8] = 1; }
BEGIN { bcopy(&`greeting, &`greeting, 4); }
BEGIN { trace(alloca(1000000) != NULL); }
BEGIN { self->p = (char *)alloca(64); }
BEGIN { *self->p = 1; }
