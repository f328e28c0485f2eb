/* index(), rindex(), strstr(), strchr(), strrchr(): as the guide's, with what Perl does at either end. */
BEGIN
{
	this->s = "foobarbazbar";
	printf("%d %d %d %d\n", index(this->s, "bar"), rindex(this->s, "bar"), index(this->s, "zoo"), rindex(this->s, "zoo"));
	printf("%d %d %d %d\n", index(this->s, "bar", 3), index(this->s, "bar", 4), rindex(this->s, "bar", 8), rindex(this->s, "bar", 2));
	printf("%d %d %d %d\n", index(this->s, "bar", -5), index(this->s, "bar", 100), rindex(this->s, "bar", -1), rindex(this->s, "bar", 100));
	printf("%d %d %d %d\n", index("", ""), index("abc", ""), index("abc", "", 7), rindex("abc", "", -7));
	printf("%d %d %d\n", rindex("abc", ""), index("", "a"), index("ab", "abc"));
	printf("[%s] [%s] [%s]\n", strstr(this->s, "baz"), strstr(this->s, "bazz"), strstr(this->s, ""));
	printf("[%s] [%s] [%s] [%s]\n", strchr(this->s, 'b'), strrchr(this->s, 'b'), strchr(this->s, 'x'), strrchr("", 'a'));
	printf("%d %d\n", strstr(this->s, "q") == NULL, strstr(this->s, "f") != NULL);
}
