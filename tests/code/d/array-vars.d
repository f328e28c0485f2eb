/* Arrays as variables, with more than one dimension, and their bounds. */
int a[4];
int g[3][4];
this char t[8];
self short h[2][2][2];
string names[3];
BEGIN
{
	a[0] = 1; a[3] = a[0] + 3; a[1]++; a[2] -= 5;
	printf("%d %d %d %d\n", a[0], a[1], a[2], a[3]);
	this->i = 2;
	g[this->i][3] = 23; g[1][this->i] = g[2][3] - 2; g[0][0]--;
	printf("%d %d %d %d\n", g[2][3], g[1][2], g[0][0], g[2][2]);
	printf("%d %d\n", *(g[1] + 2), sizeof(g));
	this->t = "text"; this->t[0] = 'T';
	self->h[1][0][1] = -7;
	printf("%s %d %d\n", this->t, self->h[1][0][1], self->h[0][1][1]);
	names[1] = "one"; names[2] = strjoin(names[1], "more");
	printf("[%s] [%s] [%s]\n", names[0], names[1], names[2]);
}
BEGIN { this->i = 4; a[this->i] = 1; printf("never\n"); }
BEGIN { this->i = -1; printf("%d\n", a[this->i]); }
BEGIN { this->i = 3; printf("%d\n", g[this->i][0]); }
BEGIN { trace(a); }
BEGIN { g[1][2] = 0; printf("%d\n", g[1][2]); }
