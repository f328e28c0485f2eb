/* clear() keeps the keys: counts and sums are 0, min and max what they are before the first value, distributions empty. */
BEGIN
{
	@c["k"] = count(); @s["k"] = sum(5); @mi["k"] = min(5); @ma["k"] = max(5); @a["k"] = avg(5); @d["k"] = stddev(5);
	@q["k"] = quantize(5); @l["k"] = lquantize(5, 0, 10, 5); @ll["k"] = llquantize(5, 10, 0, 1, 10);
}
BEGIN { clear(@c); clear(@s); clear(@mi); clear(@ma); clear(@a); clear(@d); clear(@q); clear(@l); clear(@ll); }
BEGIN { printa("%s %@d\n", @c); printa("%s %@d\n", @s); printa("%s %@d\n", @a); printa("%s %@d\n", @d); }
BEGIN { printa(@mi); printa(@ma); }
END { @mi["k"] = min(7); @ma["k"] = max(-7); @c["k"] = count(); }
