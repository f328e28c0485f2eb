/* Forms of the grammar that only D's readers know. */
self string s[int];
int a[int, string];
enum e { A, B = A + 5, C };
inline int K = B;
BEGIN/*c*/,/*c*/tick-1s/n++<2/{this->a=this->b=n;x=(1,2);y=sizeof x;z=sizeof(x)+1;
	printf("%d %d %d %d %d\n",this->a+this->b,x,y,z,K);}
BEGIN { self->s[1] = "one"; a[1, "k"]++; a[1, "k"] += 4; printf("%s %d %d\n", self->s[1], a[1, "k"], C); }
BEGIN { this->p = (int *)alloca(16); *this->p++ = 5; *this->p = 6; this->p--; printf("%d %d %d\n", *this->p, this->p[1], *(this->p + 1)); }
BEGIN { printf("%d %d %d\n", !n++, -n--, ~n); printf("%d\n", (char)n++ + (char)-1); }
BEGIN { @a[n++, "k"] = count(); @a[n++, "k"] = count(); printf("%d\n", n); }
BEGIN { x = y == 4 ? z = 7, z : 0; printf("%d %d\n", x, z); }
BEGIN { ; ; ; }
BEGIN { printf("%s\n", "no semicolon") }
END { printf("%d\n", sizeof(struct { int a; char b; })); }
