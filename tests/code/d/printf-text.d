/* %s, %S and %ls, %c, %C and their wide kin, characters that a terminal would act on. */
char a[4];
BEGIN
{
	a[0] = 'a'; a[1] = 'b'; a[2] = 'c'; a[3] = 'd';
	printf("[%s] [%S] [%ls] [%ws]\n", a, a, "wide", "w");
	a[2] = 0;
	printf("[%s] [%5s]\n", a, a);
	printf("[%S] [%20S] [%-10S]\n", "tab\tnew\nquote\"", "\a\b", "x\001");
	printf("[%c] [%C] [%lc] [%wc] [%C] [%C]\n", 65, 66, 67, 68, '\n', 7);
	printf("[%s] [%c]\n", "\033[1m", 27);
	printf("[%s]\n", "\303\244");
	printf("[%.3s] [%s]\n", "\303\244bc", "");
}
