// run: place
tick-1
{
	@ = count();
	@a[execname] = count();
	@b[execname, pid] = count();
}
