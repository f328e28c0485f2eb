/* ^^ evaluates both sides; && and || only as far as needed; ! makes 0 or 1. */
BEGIN
{
	x = 0; y = 0;
	printf("%d%d%d%d\n", 0 ^^ 0, 0 ^^ 5, 5 ^^ 0, 5 ^^ 7);
	this->r = (x++ > 0) ^^ (++y > 0);
	printf("%d %d %d\n", this->r, x, y);
	this->r = x && y++;   printf("%d %d\n", this->r, y);
	this->r = !x && y++;  printf("%d %d\n", this->r, y);
	this->r = x || y++;   printf("%d %d\n", this->r, y);
	this->r = !x || y++;  printf("%d %d\n", this->r, y);
	printf("%d %d %d\n", !5, !!5, !0);
	printf("%d %d\n", "" == "" && "a" != "b", (1 && 2) + (3 || 0));
	printf("%d %d\n", 1 || 0 && 0, 4 & 6 && 1);
}
