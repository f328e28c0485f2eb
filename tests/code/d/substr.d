BEGIN
{
	s = "foobarbaz";
	printf("%s|%s|%s\n", substr(s, 3), substr(s, 3, 3), substr(s, -3));
	printf("%s|%s|%s\n", substr(s, 0, 0), substr(s, 100), substr(s, 7, 100));
	printf("%s|%s\n", substr(s, -100, 3), substr(s, 2, -2));
	n = 6;
	printf("%s\n", substr(s, n, n - 4));
	exit(0);
}
