/* min, max and avg of signed values; a value of a narrow type keeps its sign, an unsigned one has none. */
BEGIN
{
	@mi[1] = min(-5); @mi[1] = min(3); @ma[1] = max(-5); @ma[1] = max(-9);
	@mi[2] = min((char)200); @ma[2] = max((unsigned char)200);
	@mi[3] = min(0x7fffffffffffffff); @ma[3] = max(-0x7fffffffffffffff - 1);
	@av[1] = avg(-5); @av[1] = avg(-6); @av[2] = avg(7); @av[2] = avg(8); @av[3] = avg(0);
	@s[1] = sum((unsigned int)-1); @s[2] = sum(-1); @s[3] = sum((short)0x8000);
}
