// run: place
// run: -q off
BEGIN
{
	stack();
	exit(0);
}
