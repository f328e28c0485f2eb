/* Associative arrays of arrays and structures; what is not there is all zero. */
int pair[string][2];
struct p { int x; string s; };
struct p m[int, string];
BEGIN
{
	pair["a"][1] = 5; pair["a"][0]++; pair["b"][0] = 7;
	printf("%d %d %d %d %d\n", pair["a"][0], pair["a"][1], pair["b"][0], pair["b"][1], pair["c"][1]);
	m[1, "k"].x = 3; m[1, "k"].s = "text";
	printf("%d %s [%s] %d\n", m[1, "k"].x, m[1, "k"].s, m[2, "k"].s, m[2, "k"].x);
	m[2, "k"] = m[1, "k"];
	m[1, "k"] = 0;
	printf("%d [%s] %d [%s]\n", m[1, "k"].x, m[1, "k"].s, m[2, "k"].x, m[2, "k"].s);
	trace(m[9, "none"].x);
	trace(pair["none"]);
}
