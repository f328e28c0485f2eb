BEGIN
{
	printf("%c%c%c|%3c|%-3c|\n", 'a', 98, 0x63, 'd', 'e');
	printf("%C %C\n", 'x', '\n');
	exit(0);
}
