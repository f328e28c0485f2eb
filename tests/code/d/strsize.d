// run: strsize 16
BEGIN
{
	s = "0123456789abcdefghij";
	printf("%s %d\n", s, strlen(s));
	t = strjoin(s, s);
	printf("%s\n", t);
	a["this key is longer than that"] = 1;
	printf("%d\n", a["this key is lon"]);
	exit(0);
}
