BEGIN, tick-1 { n++; }
tick-1 /n == 3/ { printf("three\n"); }
tick-1 { @[n] = count(); }
END { printf("%d\n", n); }
