/* Thread-locals and associative arrays: 0 frees them, whatever they were; each key by itself. */
self int64_t t;
self string s;
BEGIN
{
	self->t = 5; self->s = "text"; self->a[1, "k"] = 7; self->a[2, "k"] = 8; g["x"] = 1; g["y"] = 2;
	printf("%d %s %d %d %d\n", self->t, self->s, self->a[1, "k"], self->a[2, "k"], g["x"] + g["y"]);
	self->t = 0; self->s = 0; self->a[1, "k"] = 0; g["x"] = 0;
	printf("%d [%s] %d %d %d %d\n", self->t, self->s, self->a[1, "k"], self->a[2, "k"], g["x"], g["y"]);
	self->s = NULL; self->t--; g["x"] = g["y"]++;
	printf("[%s] %d %d %d\n", self->s, self->t, g["x"], g["y"]);
}
BEGIN { printf("%d\n", self->t); }
END { printf("%d %d\n", self->t, self->a[2, "k"]); }
