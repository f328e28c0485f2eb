// run: place
BEGIN
{
	printf("%s %s\n", toupper("Hello, World! @[`{ az AZ 09"), tolower("Hello, World! @[`{ az AZ 09"));
	printf("[%s] [%s] %s\n", toupper(""), tolower(""), toupper(execname));
	printf("%s\n", toupper("a\344b\372c"));
}
