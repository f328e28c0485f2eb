/* One clause, several aggregations of the same keys; increments of sums below zero; sums that wrap. */
BEGIN
{
	@c["k"] = count(); @s["k"] = sum(10); @a["k"] = avg(10); @mi["k"] = min(10); @ma["k"] = max(10); @d["k"] = stddev(10);
	@c["k"] = count(); @s["k"] = sum(-30); @a["k"] = avg(-30); @mi["k"] = min(-30); @ma["k"] = max(-30); @d["k"] = stddev(-30);
	@wrap = sum(0x7fffffffffffffff); @wrap = sum(1);
}
BEGIN { printa("%s %@d %@d %@d %@d %@d %@d\n", @c, @s, @a, @mi, @ma, @d); printa("%@d\n", @wrap); }
BEGIN { printa(@c, @s, @a, @mi, @ma, @d); }
