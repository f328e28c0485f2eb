/* What is left of an assignment operator is evaluated once. */
struct S { int v[4]; struct node *p; int b : 3; };
struct S s, sa[int];
struct node *pa[int];
int i;
BEGIN { this->m = (int *)alloca(64); this->m[0] = 1; this->m[1] = 5; this->m[i++] += 2; printf("%d: %d %d\n", i, this->m[0], this->m[1]); }
BEGIN { i = 0; this->m = (int *)alloca(64); this->m[0] = 1; printf("%d ", this->m[i++]++); printf("%d: %d\n", i, this->m[0]); }
BEGIN { i = 0; this->m = (int *)alloca(64); this->m[i++] += this->m[i++] += 3; printf("%d: %d %d\n", i, this->m[0], this->m[1]); }
BEGIN { i = 0; pa[0] = &`first_node; this->q = pa[i++]++; printf("%d: %d %d\n", i, this->q->value, pa[0]->value); }
BEGIN { i = 0; pa[0] = &`first_node; this->q = (pa[i++] += 2); printf("%d: %d\n", i, this->q->value); }
BEGIN { i = 0; sa[0].p = &`first_node; this->q = sa[i++].p++; printf("%d: %d %d\n", i, this->q->value, sa[0].p->value); }
BEGIN { i = 0; sa[i++].b += 3; sa[i - 1].b--; printf("%d: %d %d\n", i, sa[0].b, sa[1].b); }
BEGIN { i = 0; s.v[i++] += 3; s.v[i++]--; printf("%d: %d %d\n", i, s.v[0], s.v[1]); }
