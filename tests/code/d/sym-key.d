// run: place
// Addresses that have one name are one row.
BEGIN
{
	@sym[sym(0xffff888000001801)] = count();
	@sym[func(0xffff888000001802)] = count();
	@sym[sym(0xffff888000001841)] = count();
	@sym[sym(0xffff888000001899)] = count();
	@sym[sym(&db`vmlinux`bytes)] = count();
	@mod[mod(0xffff888000001881)] = count();
	@mod[mod(0xffff888000001899)] = count();
	@usym[usym(0x400001)] = count();
	@usym[ufunc(0x400002)] = count();
	@uaddr[uaddr(0x400001)] = count();
	@uaddr[uaddr(0x400002)] = count();
	@umod[umod(0x400101)] = count();
	@umod[umod(0x400102)] = count();
	@umod[umod(3)] = count();
	exit(0);
}
END
{
	printa("[%a] %@d\n", @sym);
	printa("[%-10a] %@d\n", @mod);
	printa("[%A] %@d\n", @uaddr);
	printa("[%10A] %@d\n", @umod);
	printa(@sym);
	printa(@mod);
	printa(@usym);
	printa(@uaddr);
	printa(@umod);
}
