BEGIN
{
	@c["x"] = count(); @c["x"] = count(); @c["y"] = count();
	@s["x"] = sum(100); @s["z"] = sum(7);
	printa("%s %@d %@d\n", @c, @s);
	printa(@c, @s);
	exit(0);
}
