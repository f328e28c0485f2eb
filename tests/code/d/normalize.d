BEGIN
{
	@a["x"] = sum(1000); @a["y"] = sum(2500);
	@v = avg(300);
	normalize(@a, 100);
	normalize(@v, 3);
	printa("%s %@d\n", @a);
	denormalize(@a);
	printa("%s %@d\n", @a);
	exit(0);
}
