int g;
int arr[string];
self int s;
this int t;
BEGIN
{
	g = 5;
	printf("%d %d %d\n", g++, ++g, g);
	printf("%d %d %d\n", g--, --g, g);
	self->s = 5;
	printf("%d %d %d\n", self->s++, ++self->s, self->s);
	this->t = 5;
	printf("%d %d %d\n", this->t--, --this->t, this->t);
	printf("%d %d %d\n", arr["k"]++, ++arr["k"], arr["k"]);
	exit(0);
}
