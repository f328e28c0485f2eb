BEGIN
{
	@s["x"] = sum(5);
	@s["x"] = sum(-7);
	@s["y"] = sum(100);
	@min = min(5); @min = min(-3); @min = min(9);
	@max = max(5); @max = max(-3); @max = max(9);
	exit(0);
}
