BEGIN
{
	printf("before\n");
	exit(3);
}
tick-1
{
	printf("not here\n");
}
END
{
	printf("end\n");
}
