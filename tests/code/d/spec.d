// run: place
/* What was speculated comes where it is committed; nspec is 2 here. */
tick-1s
{
	self->s = speculation();
	printf("got %d\n", self->s);
}
tick-1s /self->s/ { speculate(self->s); printf("A %d|%s\n", n, execname); }
tick-1s /self->s/ { speculate(self->s); printf("B %d\n", n); trace(n); }
tick-1s /n == 1/ { commit(self->s); }
tick-1s /n == 1/ { printf("committed\n"); }
tick-1s /n == 0/ { discard(self->s); printf("discarded\n"); }
tick-1s { n++; }
END { printf("end\n"); }
