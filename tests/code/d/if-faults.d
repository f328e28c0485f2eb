/* Faults name the statement, counted through the branches. */
BEGIN { if (pid) { a = 1; b = 1 / (a - 1); } else { c = 1; } }
BEGIN { if (!pid) { a = 1; b = 2; } else { c = 1; trace(*(int *)8); } }
BEGIN { if (1 / (a - 1)) trace("never"); }
ERROR { n++; if (n == 3) printf("three faults\n"); }
