/* Pointers in structures keep their machine. */
struct one { struct node *n; int x; };
struct two { struct node *a, *b; };
struct one o, p;
struct two t;
BEGIN
{
	o.n = &`first_node;
	printf("%d %d\n", o.n->value, o.n->next->value);
	o.n = o.n->next;
	o.n++;
	printf("%d\n", o.n->value);
	o.n = &db`vmlinux`first_node;
	o.x = 4;
	p = o;
	printf("%s %d\n", p.n == o.n ? "same" : "other", p.x);
	o.n = &`first_node;
	t.a = o.n; t.b = t.a->next; t.a = NULL;
	printf("%d %d %p\n", o.n->value, t.b->value, t.a);
}
BEGIN { printf("%d\n", p.n->value); }
BEGIN { t.a = &db`vmlinux`first_node; printf("never\n"); }
BEGIN { printf("%d\n", p.n == NULL); p.n = NULL; printf("%p\n", p.n); }
