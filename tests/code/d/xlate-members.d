/* Translators: members, of pointers and of values, by the input's type, kept in variables. */
typedef struct ninfo { int64_t n_value; string n_text; char n_short[4]; int n_twice; uint64_t n_addr; } ninfo_t;
translator ninfo_t < struct node *N > {
	n_value = N->value;
	n_text = N == NULL ? "none" : "some";
	n_short = "abcdef";
	n_twice = square[N->value] / N->value * 2;
	n_addr = (uint64_t)N;
};
translator ninfo_t < int i > { n_value = i; n_text = lltostr_[i]; };
inline string lltostr_[int i] = i == 4 ? "four" : "other";
inline int64_t square[int64_t x] = x * x;
inline ninfo_t *first = xlate <ninfo_t *> (&`first_node);
inline ninfo_t nodes[int n] = xlate <ninfo_t> (n ? (&`first_node)->next : &`first_node);
BEGIN
{
	printf("%d %s %s %d\n", first->n_value, first->n_text, first->n_short, first->n_twice);
	printf("%d %d\n", nodes[0].n_value, nodes[1].n_value);
	printf("%d %s\n", xlate <ninfo_t *> (4)->n_value, xlate <ninfo_t> (2 + 2).n_text);
	self->p = first;
	keep[1] = xlate <ninfo_t *> (args[3]->next);
	g = first;
	printf("%d %d %d %d\n", self->p->n_value, keep[1]->n_value, g->n_twice, self->p == first);
	printf("%d\n", (pid == 1 ? keep[1] : g)->n_value);
	printf("%d\n", (uint64_t)g == (uint64_t)&`first_node);
	self->p = 0;
	printf("%s\n", self->p->n_text);
}
