/* exit(): the rest of its clause is done, later clauses of the firing are not, nothing fires any more but END. */
BEGIN { n++; }
tick-1s { printf("tick %d\n", n); }
tick-1s /n++ == 2/ { exit(3); printf("still this clause, n is %d\n", n); @a = count(); }
tick-1s { printf("not after exit: %d\n", n); }
tick-2s { printf("never\n"); }
END { printf("end %d\n", n); }
END { printa("%@d\n", @a); }
