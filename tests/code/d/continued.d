/*
 * Things that "real" scripts have: quotes in comments, it's so; a backslash at a line's end; 'odd' spacing.
 */

#pragma D option quiet

inline string HEAD = "%-8s";
self int in;
inline int64_t BIG = 1000000000ULL * 60;

dtrace:::BEGIN
{
	x = 1 + \
	    2 \
	    + 3;
	/* printf("not this\n"); */
	printf("%d %s\n",
	    x,
	    "a // b /* c */");   // it's the end
	this->mask = (uint64_t)1 << 40 | 0xFFFFFFFFull & ~0xFFull;
	printf("%x %d\n", this->mask, BIG / 1000000000);
	depth = 3;
	printf("%*s%s\n", depth * 2, "", "indented"); printf("%*s|%-*s|\n", 0, "zero", 0, "zero");
	self->in = self->in == 0 ? 1 : self->in + 1 ;
	printf("%s%s%s\n", x > 5 ? "large" : "small", x == 6 ? " six" : "", (x & 1) ? " odd" : " even");
}

dtrace:::BEGIN
/x == 6 &&
 self->in /* once */ &&
 "a" != "b"/
{
	this->s = strjoin("x=", lltostr(x)) ;; printf("%s\n", this->s);
	@[this->s, x > 5 ? "yes" : "no"] = count(); @all["sum of all", ""] = sum(x);
}

dtrace:::BEGIN
/! (x == 7)/
{ printf("%d%%\n", (100 * x) / 12) }

dtrace:::BEGIN , dtrace:::END
{
	printf("%s%s", probename, probename == "END" ? "\n" : " ");
	last = probename;
}

tick-1s, :::tick-2s
/last != "END"/
{
	secs++;
}

dtrace:::END { printf("%d\n", secs); }
