/* Escapes in strings. */
BEGIN
{
	printf("%d %d %d\n", strlen("a\tb\\\n"), strlen("\101\x42C"), strlen("\"quoted\""));
	printf("%s|%s\n", "\101\x42C", "tab\tend");
	printf("%S\n", "a\tb\n\"\\\001\377");
	printf("%d\n", strlen("cut\0off"));
	printf("/* no comment */ // nor this\n");
	printf("%s\n", "'");
	printf("%s %d\n", "\q \$1 it\'s \?", strlen("\q"));
	printf("%S %S %d\n", "\x41g", "\1234", strlen("\08"));
}
