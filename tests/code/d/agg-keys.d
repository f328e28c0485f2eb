// Keys by type: strings, 8 to 64 bits wide.
BEGIN
{
	@a[(char)1, (short)2, 3, (int64_t)4, "five"] = count();
	@a[(char)1, (short)2, 4, (int64_t)4, "five"] = count();
	@a[(char)1, (short)2, 4, (int64_t)4, "five"] = count();
	@n[(int)-1] = count();
	exit(0);
}
