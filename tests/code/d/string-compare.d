BEGIN
{
	s = "abc";
	printf("%d%d%d%d%d%d\n", s == "abc", s != "abc", s < "abd", s <= "abc", s > "abb", s >= "abd");
	printf("%d%d\n", s == "ab", s == "abcd");
	printf("%d\n", "" == "");
	printf("%d%d\n", s < "b", "B" < "a");
	exit(0);
}
