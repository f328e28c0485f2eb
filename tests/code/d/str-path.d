// run: place
BEGIN
{
	printf("%s %s %s %s\n", basename("/foo/bar/baz"), basename("/foo/bar///baz//"), basename("foo"), basename("/foo/."));
	printf("%s %s %s %s\n", basename("/"), basename("////"), basename(""), basename("f/"));
	printf("%s %s %s %s\n", dirname("/foo/bar/baz"), dirname("/foo/bar///baz//"), dirname("foo"), dirname("/foo"));
	printf("%s %s %s %s\n", dirname("/"), dirname("////"), dirname(""), dirname("f/"));
	printf("%s %s\n", dirname("/./."), basename(strjoin("/usr/bin/", execname)));
}
