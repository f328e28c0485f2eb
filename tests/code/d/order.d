// Clauses in the order of the script; END after the others.
END { printf("end\n"); }
BEGIN { printf("a\n"); }
tick-1 { printf("t%d\n", ++n); }
BEGIN { printf("b\n"); }
