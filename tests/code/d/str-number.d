BEGIN
{
	printf("%s %s %s %s\n", lltostr(0), lltostr(-1), lltostr(1234567890123), lltostr(-9223372036854775807 - 1));
	printf("%s %s %s %s\n", lltostr(255, 16), lltostr(0, 16), lltostr(8, 8), lltostr(0, 8));
	printf("%s %s %s %s\n", lltostr(5, 2), lltostr(-1, 16), lltostr(35, 36), lltostr(-1, 2));
	printf("%d %d %d %d\n", strtoll("0"), strtoll("  -42xyz"), strtoll("+7"), strtoll(""));
	printf("%d %d %d %d\n", strtoll("0x1F", 16), strtoll("ff", 16), strtoll("0777", 8), strtoll("z", 36));
	printf("%d %d\n", strtoll("9223372036854775807"), strtoll("12") + 1);
	this->base = 10;
	printf("%s\n", lltostr(33, this->base + 6));
}
BEGIN { trace(lltostr(1, 37)); }
BEGIN { trace(strtoll("1", 1)); }
