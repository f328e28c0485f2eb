// Keys that are themselves looked up, within and behind others.
BEGIN
{
	k[1] = 2;
	k[2] = 3;
	k[3] = 1;
	n["one"] = "two";
	self->x = 0;
	printf("%d\n", k[k[k[1]]]);
	m[k[1], k[2], self->x, n["one"]] = 42;
	printf("%d\n", m[2, 3, 0, "two"]);
	m[k[2], k[k[1]], k[3], n["one"]] = k[1] + k[2] * k[3];
	printf("%d\n", m[3, 3, 1, "two"]);
	k[k[1]] = k[k[2]] + k[k[3]];
	printf("%d\n", k[2]);
	exit(0);
}
