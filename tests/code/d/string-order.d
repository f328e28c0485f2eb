/* Strings compare by their bytes, unsigned; what differs behind the end is nothing. */
BEGIN
{
	a = "abc"; b = "abd"; e = "";
	printf("%d%d%d%d%d%d\n", a < b, a <= b, a > b, a >= b, a == b, a != b);
	printf("%d%d%d\n", e < a, a < e, e == "");
	printf("%d%d\n", "Z" < "a", "z" < "\377");
	printf("%d%d\n", "abc" < "abcd", "abc\0def" == "abc");
	printf("%d%d\n", a == strjoin("a", "bc"), substr(a, 1) == "bc");
	printf("%s %s\n", a < b ? a : b, a > b ? "first" : a == b ? "same" : "second");
	printf("%d\n", (a == "abc") + (b == "abc") + (a != b));
	printf("%d %d\n", nothing == "", nothing == NULL);
}
END { nothing = "x"; }
