/* substr(): indexes and lengths at, before and behind either end. */
BEGIN
{
	s = "abcdef";
	printf("[%s] [%s] [%s]\n", substr(s, 0), substr(s, 6), substr(s, 7));
	printf("[%s] [%s] [%s]\n", substr(s, -1), substr(s, -6), substr(s, -7));
	printf("[%s] [%s] [%s]\n", substr(s, -7, 2), substr(s, -8, 3), substr(s, -100, 3));
	printf("[%s] [%s] [%s]\n", substr(s, 2, 0), substr(s, 2, 100), substr(s, 0, 6));
	printf("[%s] [%s] [%s]\n", substr(s, 0, -1), substr(s, 2, -2), substr(s, 4, -3));
	printf("[%s] [%s]\n", substr(s, -3, -1), substr(s, -3, 2));
	printf("[%s] [%s]\n", substr("", 0), substr("", -1, 1));
	printf("%d %d\n", strlen(substr(s, 3)), substr(s, 1, 2) == "bc");
	this->i = -4; this->n = 2;
	printf("[%s]\n", substr(s, this->i, this->n));
}
