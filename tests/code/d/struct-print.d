/* print() and trace() of structures of the script's own. */
enum color { RED, GREEN = 5 };
struct in { uint8_t a, b; };
struct s { int i; enum color c; struct in in[2]; unsigned bits:4; char t[4]; };
struct named { int i; string name; string unset; };
struct s s;
struct named n;
this struct in e;
BEGIN { s.i = -1; s.c = GREEN; s.in[1].b = 9; s.bits = 3; s.t = "ab"; print(s); print(s.in[1]); print(s.c); }
BEGIN { trace(s.in); print(this->e); }
BEGIN { n.i = 3; n.name = "a \"word\""; print(n); print(n.name); }
