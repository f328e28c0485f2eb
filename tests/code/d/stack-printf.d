// run: place
BEGIN
{
	printf("a%kb%-4kc%24kd\n", stack(2), stack(1), ustack(2));
	printf("%-*k|%*k|\n", 3, stack(1), -5, stack(1));
	printf("[%a] [%-24a] [%a] [%a]\n", sym(0xffff888000001845), func(0xffff888000001840),
	    mod(0xffff888000001882), sym(1));
	printf("[%A] [%24A] [%A] [%A] [%A]\n", usym(0x400010), uaddr(0x400010), umod(0x400110), 0x400020, uaddr(7));
	exit(0);
}
