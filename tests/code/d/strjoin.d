BEGIN
{
	s = strjoin("foo", "bar");
	printf("%s %d\n", s, strlen(s));
	printf("%s\n", strjoin(strjoin("a", "b"), strjoin("c", "d")));
	printf("%s\n", strjoin("", s));
	exit(0);
}
