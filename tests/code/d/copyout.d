// run: place
// run: destructive
BEGIN
{
	copyoutstr("hello", 0x400000, 100);
	printf("%s\n", copyinstr(0x400000));
	copyoutstr("HELLO", 0x400000, 2);
	printf("%s\n", copyinstr(0x400000));
	copyoutstr("", 0x400003, 9);
	printf("%s\n", copyinstr(0x400000));
	copyout(&`greeting, 0x400000, 5);
	printf("%s\n", copyinstr(0x400000));
	raise(9);
	chill(1000);
}
BEGIN { copyout(&`greeting, 0x10, 5); }
BEGIN { chill(600000000); }
