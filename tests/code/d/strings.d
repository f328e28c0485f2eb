BEGIN
{
	s = "hello";
	t = s;
	s = "world";
	printf("%s %s\n", t, s);
	printf("%s|%s|\n", "", "quote\"tab\there");
	printf("%d %d %d\n", strlen(""), strlen(t), strlen("four"));
	exit(0);
}
