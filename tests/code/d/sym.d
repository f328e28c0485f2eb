// run: place
BEGIN
{
	sym(0xffff888000001801);
	mod(0xffff888000001801);
	sym(`do_thing);
	sym(&db`vmlinux`bytes);
	mod(1);
	usym(0x400001);
	uaddr(0x400001);
	umod(0x400001);
	uaddr(0x400101);
	exit(0);
}
