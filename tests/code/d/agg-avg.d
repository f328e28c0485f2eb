BEGIN
{
	@a = avg(10); @a = avg(20); @a = avg(60);
	@s = stddev(2); @s = stddev(4); @s = stddev(4); @s = stddev(4); @s = stddev(5); @s = stddev(5);
	@s = stddev(7); @s = stddev(9);
	exit(0);
}
