/* stddev(): of one value, of equal ones, of negative ones, of large ones, with a key. */
BEGIN
{
	@one = stddev(5); @same = stddev(3); @same = stddev(3); @neg = stddev(-10); @neg = stddev(10);
	@big = stddev(3000000000); @big = stddev(5000000000);
	@k["a"] = stddev(1); @k["a"] = stddev(3); @k["b"] = stddev(100);
	@n = stddev(0); @n = stddev(100);
}
BEGIN { printa("%@d\n", @n); normalize(@n, 2); printa("%@d\n", @n); printa("%s %@5d|\n", @k); trunc(@n); }
