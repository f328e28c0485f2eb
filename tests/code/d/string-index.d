/* Characters of strings. */
string s;
BEGIN
{
	s = "hello";
	this->i = 1;
	printf("%c%c%c %d %d\n", s[0], s[this->i], execname[0], s[5], "xyz"[2] == 'z');
	printf("%d %c\n", never_set[0], *"abc");
}
BEGIN /0/ { never_set = "x"; }
