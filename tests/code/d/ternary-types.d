/* ?: has the common type of both sides; only the one taken is evaluated. */
BEGIN
{
	x = 0;
	this->b = (char)-1; this->u = (unsigned int)1;
	printf("%d %d\n", sizeof(1 ? this->b : this->b), sizeof(1 ? 1 : (int64_t)1));
	printf("%u\n", 1 ? -1 : this->u);
	printf("%d\n", x ? *(int *)0 : 5);
	printf("%d\n", 1 ? x++ : (x += 10)); printf("%d\n", x);
	printf("%s %s\n", x ? "yes" : "no", !x ? "yes" : strjoin("n", "o"));
	printf("%p %p\n", x ? (void *)0 : (int *)8, x ? NULL : (int *)8);
	printf("%s\n", x > 5 ? "a" : x > 0 ? "b" : "c");
	s = x ? "set" : "unset";
	printf("%s %d\n", s, (x ? 3 : 4) * 2);
}
