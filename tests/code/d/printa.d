BEGIN
{
	@a["x", 1] = sum(10); @a["y", 2] = sum(5);
	printa(@a);
	printa("%s %d = %@d\n", @a);
	printa("%@8d %-4s|%3d|\n", @a);
	printa("%@x\n", @a);
	exit(0);
}
