// run: place
/* ?: and its types. */
BEGIN
{
	this->b = (uint8_t)200; this->c = (int8_t)-1;
	printf("%d %d\n", pid ? this->b : this->c, pid ? this->c : 1u);
	printf("%s %s\n", pid ? "yes" : execname, pid == 1 ? "one" : pid == 1234 ? "this" : "none");
	printf("%d\n", (pid ? &`first_node : NULL)->value);
	printf("%s\n", pid ? `greeting : "x");
	printf("%d %d\n", sizeof(pid ? 1 : 2L), 1 ? 2 : 3 ? 4 : 5);
}
