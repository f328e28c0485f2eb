BEGIN
{
	printf("%d %d %d\n", RED, GREEN, BLUE);
	c = BLUE;
	printf("%d %d\n", c == BLUE, c + 1);
	this->e = (enum color)5;
	printf("%d %s\n", this->e, this->e == GREEN ? "green" : "other");
	exit(0);
}
