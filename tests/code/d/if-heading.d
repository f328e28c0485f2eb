// run: -q off
/* A firing that records nothing has no line. */
tick-1s { n++; if (n == 2) trace(n); }
tick-1s { trace("each"); if (n == 3) trace("third"); }
tick-1s { if (n == 1) { } else if (n == 9) trace("never"); }
tick-1s { if (n == 1) { n = n; } }
