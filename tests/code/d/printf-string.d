BEGIN
{
	printf("[%s] [%8s] [%-8s] [%.2s] [%8.2s]\n", "abc", "abc", "abc", "abc", "abc");
	printf("[%*s] [%.*s]\n", 6, "abc", 1, "abc");
	printf("%S\n", "a\tb\n\"c\"");
	exit(0);
}
