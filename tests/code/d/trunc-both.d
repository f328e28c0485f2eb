/* trunc(): the largest, the smallest, none, more than there are; without a number: all keys go. */
BEGIN
{
	@a["one"] = sum(1); @a["two"] = sum(2); @a["three"] = sum(3); @a["four"] = sum(4);
	@b["one"] = sum(1); @b["two"] = sum(2); @b["three"] = sum(3); @b["four"] = sum(4);
	@c[1] = count(); @c[2] = count(); @d[1] = count(); @e[1] = sum(5); @e[2] = sum(6);
	@eq["x"] = sum(7); @eq["y"] = sum(7); @eq["z"] = sum(7);
	@q["small"] = quantize(2); @q["large"] = quantize(200);
}
BEGIN { trunc(@a, 2); trunc(@b, -2); trunc(@c, 0); trunc(@d); trunc(@e, 5); trunc(@eq, 1); trunc(@q, 1); }
BEGIN { @d[9] = count(); }
