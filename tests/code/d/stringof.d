BEGIN
{
	printf("%s\n", stringof((char *)0xffff888000001100));
	this->s = (struct label *)0xffff888000001100;
	printf("%s %d\n", this->s->text, strlen(this->s->text));
	printf("%s\n", stringof(*(char **)0xffff888000001200));
	x = stringof((char *)0xffff888000001107);
	printf("%s %d\n", x, x == "world");
	exit(0);
}
