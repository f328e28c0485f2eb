// run: place
BEGIN
{
	a["x", 1, pid] = 1;
	a["x", 2, pid] = 2;
	a["y", 1, pid] = 3;
	printf("%d %d %d %d\n", a["x", 1, 1234], a["x", 2, 1234], a["y", 1, pid], a["y", 2, pid]);
	exit(0);
}
