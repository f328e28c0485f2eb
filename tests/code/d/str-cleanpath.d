BEGIN
{
	printf("%s %s %s %s\n", cleanpath("/foo/bar/baz"), cleanpath("/foo/bar///baz/"), cleanpath("/foo/bar/baz/."), cleanpath("/foo/bar/../../baz/.//"));
	printf("%s %s %s %s\n", cleanpath("foo/bar/./././././baz/"), cleanpath("/foo/bar/baz/../../../../../../"), cleanpath("/./"), cleanpath("./"));
	printf("%s %s %s [%s]\n", cleanpath("/foo/bar/baz/../../bop/bang/../../bar/baz/"), cleanpath("//"), cleanpath("."), cleanpath(""));
	printf("%s %s %s %s %s\n", cleanpath("a/."), cleanpath("a/./."), cleanpath("./a"), cleanpath(".."), cleanpath("../../.."));
	printf("%s %s %s %s %s\n", cleanpath("a/.."), cleanpath("abc"), cleanpath("ab/"), cleanpath("z/a/../b"), cleanpath("/z/a/../b"));
	printf("%s %s %s %s\n", cleanpath("z/a/b/../../././c///d/e"), cleanpath("/a/../b"), cleanpath("/a/.."), cleanpath("/a/../.."));
	printf("%s %s %s %s\n", cleanpath("a/../b"), cleanpath("a/../.."), cleanpath("a/b/../../././c///d/e"), cleanpath("..a/...b/c.."));
}
