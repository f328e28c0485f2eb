/* normalize() divides what is shown, not what is kept: counts, sums, averages, the counts of distributions. */
BEGIN
{
	@c = count(); @c = count(); @c = count(); @s = sum(1000); @s = sum(-1); @a = avg(100); @a = avg(301); @m = max(77);
	@q = quantize(5, 70); @q = quantize(50, 7); @l = lquantize(1, 0, 5, 1, 100); @n = sum(-7);
}
BEGIN { normalize(@c, 2); normalize(@s, 10); normalize(@a, 3); normalize(@m, 7); normalize(@q, 7); normalize(@l, 10); normalize(@n, 2); }
BEGIN { printa("%@d\n", @c); printa("%@d\n", @s); printa("%@d\n", @a); printa("%@d\n", @m); printa("%@d\n", @n); printa(@q); printa(@l); }
BEGIN { normalize(@s, 100); normalize(@s, 3); printa("%@d\n", @s); }
BEGIN { denormalize(@s); printa("%@d\n", @s); }
BEGIN { normalize(@c, 0); printa("%@d\n", @c); }
END { @s = sum(1); printa("%@d\n", @s); trunc(@q); trunc(@l); trunc(@a); trunc(@m); trunc(@n); trunc(@c); trunc(@s); }
