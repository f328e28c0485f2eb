/* Keys of associative arrays: every kind of value; a narrow one is the same key as a wide one of its value. */
char c;
BEGIN
{
	a[1, "x", 'c', (void *)16] = 1;
	printf("%d %d %d\n", a[1, "x", 'c', (void *)16], a[1, "x", 'd', (void *)16], a[2, "x", 'c', (void *)16]);
	c = -1; b[-1] = 5;
	printf("%d %d %d\n", b[c], b[(int64_t)-1], b[0xffffffff]);
	s[""] = 1; s["a"] = 2; s["a\0b"] = 3;
	printf("%d %d %d\n", s[""], s["a"], s[strjoin("", "a")]);
	m["k"] = "text"; m["k"] = strjoin(m["k"], m["k"]);
	printf("%s [%s]\n", m["k"], m["none"]);
	d[1] = 1; d[d[1] + 1] = 2; d[d[2] + d[1]] = 3;
	printf("%d %d %d\n", d[1], d[2], d[3]);
}
