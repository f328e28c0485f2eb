/* Speculations as they are used: kept in a thread-local, committed or discarded by what turns out. */
tick-1s { self->s = speculation(); }
tick-1s /self->s/ { speculate(self->s); printf("round %d\n", n); }
tick-1s /self->s/ { speculate(self->s); trace("more of "); trace(n); printf("\n"); }
tick-1s /self->s && n == 1/ { commit(self->s); self->s = 0; }
tick-1s /self->s/ { discard(self->s); self->s = 0; }
tick-1s { n++; }
