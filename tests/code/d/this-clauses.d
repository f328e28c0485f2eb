/* Clause-locals live through all clauses of one firing, and begin at 0 with each. */
this int64_t n;
this string s;
BEGIN { this->n = 5; this->s = "set"; this->u++; }
BEGIN { printf("%d %s %d\n", this->n, this->s, this->u); this->n++; }
BEGIN { printf("%d\n", this->n); }
tick-1s { printf("%d [%s] %d\n", this->n, this->s, this->u); this->n = ++k; this->s = "tick"; }
tick-1s { printf("%d [%s]\n", this->n, this->s); }
END { printf("%d\n", this->n); }
