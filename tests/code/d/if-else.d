/* if and else: what is recorded, what is not. */
BEGIN { x = 3; }
tick-1s
{
	n++;
	if (n == 1) {
		printf("one\n");
		x = 10;
	} else if (n == 2)
		printf("two %d\n", x);
	else {
		printf("many %s\n", execname);
		if (x > 5 && pid)
			printf("and %d\n", x);
		if (x < 5)
			printf("never\n");
	}
	@[n == 1 ? "first" : "later"] = count();
	if (n == 3) { @three = sum(x); self->y = 4; } else { self->y += 1; }
	printf("y %d\n", self->y);
}
END { if (n) ; if (n == 3) { trace("three"); exit(n); } else exit(1); }
