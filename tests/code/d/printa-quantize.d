BEGIN
{
	@q["x"] = quantize(3);
	printa("%s:%@d|\n", @q);
	exit(0);
}
