tick-1
{
	@a["x"] = count();
	@b["x"] = count();
	printa("%@d ", @a);
	clear(@a);
}
END
{
	printa("a %@d\n", @a);
	printa("b %@d\n", @b);
}
