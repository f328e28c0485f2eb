/* What an assignment to a structure or an array gives. */
struct S { char text[16]; struct node *p; int i; };
struct S s, t, sa[int];
self struct S kept;
BEGIN { s.p = &`first_node; s.i = 4; printf("%s\n", s.text = "abc"); }
BEGIN { printf("%d %d\n", (t = s).i, (t = s).p->next->value); }
BEGIN { printf("%s %d\n", sa[2].text = "xyz", strlen(sa[3].text = "0123456789abcdefghijkl")); }
BEGIN { printf("%s %s\n", sa[3].text, strjoin(sa[2].text, t.text = s.text)); }
BEGIN { print(t = s); printf("%d\n", (sa[1] = s).i + sa[1].i); }
BEGIN { printf("%d %d %d\n", (sa[1] = 0).i, sa[1].i, (self->kept = 0).i); }
/* Arrays of characters without a NUL, chosen. */
BEGIN { printf("%s %s\n", arg0 ? ((struct rec *)((char *)&`bytes + 48))->text : s.text, arg0 ? sa[3].text : s.text); }
BEGIN { printf("%s %s\n", (arg0, ((struct rec *)((char *)&`bytes + 48))->text), (arg0, sa[3].text)); }
