/* Translators of the script's own: by member, as a whole, by name of a typedef, of an expression. */
struct raw { int a; int b; char text[8]; };
typedef struct shown { int sum; int64_t product; string text; } shown_t;
translator shown_t < struct raw *r > { sum = r->a + r->b; product = r->a * r->b; text = r->text; };
translator shown_t < int n > { sum = n; product = n * n; text = "of a number"; };
struct raw *p;
BEGIN
{
	p = (struct raw *)alloca(sizeof(struct raw));
	p->a = 6; p->b = 7;
	this->t = xlate <shown_t *> (p);
	printf("%d %d [%s]\n", this->t->sum, this->t->product, this->t->text);
	printf("%d\n", xlate <shown_t> (p).sum);
	printf("%d %s\n", xlate <shown_t> (9).product, xlate <shown_t> (9).text);
}
