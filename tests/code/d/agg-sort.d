BEGIN
{
	@a["c"] = sum(1); @a["a"] = sum(3); @a["b"] = sum(3); @a["d"] = sum(-1);
	@n[3] = count(); @n[1] = count(); @n[2] = count();
	exit(0);
}
