BEGIN
/execname == "tester"/
{
	printf("%s\n", execname == "tester" ? strjoin(execname, "!") : "other");
}
BEGIN
/execname != "tester"/
{
	printf("no\n");
}
BEGIN
/strlen(execname) == 6 && substr(execname, 0, 4) == "test"/
{
	printf("yes\n");
	exit(0);
}
