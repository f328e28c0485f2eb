// run: place
// Equal stacks are one row; a stack is a key among others.
tick-1s
{
	@a[stack(3)] = count();
	@b[execname, ustack(2), pid] = sum(2);
	@c[stack(1)] = quantize(1);
}
BEGIN
{
	@a[stack(1)] = count();
}
END
{
	printa(@a);
	printa("%k then %@d\n", @a);
	printa("%s:%-3k%d %@d\n", @b);
}
