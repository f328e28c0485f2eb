// What comes from data cannot speak to the terminal; what the format says can.
BEGIN
{
	printf("%s|\n", "bell\a esc\033[31m cr\r");
	@["key\033"] = count();
	printf("%c|\n", 7);
	exit(0);
}
