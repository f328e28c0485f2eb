/* Several aggregations in one printa(): rows by key; where one has no such key its value is 0; sorted by the first. */
BEGIN
{
	@a["x"] = count(); @a["x"] = count(); @a["y"] = count(); @b["x"] = sum(10); @b["z"] = sum(30); @m["y"] = max(5);
	@q["x"] = quantize(4);
}
BEGIN { printa("%-4s %@4d %@4d %@4d\n", @a, @b, @m); printf("--\n"); printa(@a, @b); }
BEGIN { printf("--\n"); printa("%s %@d again %@d %@d\n", @a, @b); printf("--\n"); printa("%s %@d %@d\n", @a, @q); }
END { trunc(@a); trunc(@b); trunc(@m); trunc(@q); }
