/* What was speculated comes out in the commit's place, in its own order; what was not committed never does. */
BEGIN { a = speculation(); }
BEGIN { speculate(a); printf("a: one\n"); }
BEGIN { printf("before the commit\n"); }
BEGIN { speculate(a); printf("a: two\n"); trace("x"); }
BEGIN { commit(a); }
BEGIN { printf("\nbehind it\n"); }
BEGIN { b = speculation(); printf("%d %d\n", a > 0, b > 0); }
BEGIN { speculate(b); printf("b: never\n"); }
BEGIN { discard(b); }
BEGIN { commit(b); }
BEGIN { speculate(0); printf("0: never\n"); }
BEGIN { speculate(b); x = 5; printf("none in use, x is %d\n", x); }
END { printf("end %d\n", x); }
