// run: -q off
BEGIN
{
	trace(1);
	trace("text");
	trace((char)-1);
}
BEGIN
{
	printf("a line\n");
}
BEGIN
{
	x = 1;
}
END
{
	printf("no newline");
}
