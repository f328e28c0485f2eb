// run: args 42 word
BEGIN
{
	printf("%d %s %s\n", $1, $$2, $$1);
	exit(0);
}
