string names[int];
BEGIN
{
	names[1] = "one";
	names[2] = "two";
	printf("%s %s [%s]\n", names[1], names[2], names[3]);
	names[1] = names[2];
	names[2] = strjoin(names[2], "!");
	printf("%s %s\n", names[1], names[2]);
	names[1] = 0;
	printf("[%s]\n", names[1]);
	exit(0);
}
