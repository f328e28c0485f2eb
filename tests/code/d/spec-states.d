/* 0 and what is not in use do nothing; a number that there cannot be is a fault. */
BEGIN { commit(0); }
BEGIN { discard(0); printf("zero\n"); }
BEGIN { a = speculation(); b = speculation(); c = speculation(); printf("%d %d %d\n", a, b, c); }
BEGIN { speculate(0); printf("not seen\n"); }
BEGIN { speculate(a); printf("one\n"); }
BEGIN { commit(a); }
BEGIN { commit(a); }
BEGIN { speculate(a); printf("not in use\n"); }
BEGIN { d = speculation(); printf("%d\n", d); }
BEGIN { speculate(d); printf("again\n"); }
BEGIN { discard(d); }
BEGIN { commit(d); }
BEGIN { speculate(b); printf("uncommitted\n"); }
BEGIN { commit(17); }
BEGIN { speculate(-1); }
BEGIN { discard(3); }
