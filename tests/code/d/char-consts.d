/* Character constants: escapes; several characters, the first one highest; no sign. */
BEGIN
{
	printf("%d %d %d %d %d\n", 'A', '\\', '\'', '"', '\"');
	printf("%d %d %d %d %d %d %d\n", '\a', '\b', '\f', '\n', '\r', '\t', '\v');
	printf("%d %d %d %d\n", '\101', '\x41', '\0', '\377');
	printf("%d %d\n", sizeof('a'), sizeof('abcde'));
	printf("%x %x\n", 'ab', 'abcd');
}
