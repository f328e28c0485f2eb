/* if and else: nested, without braces, as long as the clause's record; each branch with actions of its own. */
BEGIN, tick-1s
{
	n++;
	if (n == 1)
		printf("first\n");
	else if (n == 2) {
		printf("second\n");
		if (n > 5) trace("never"); else { @ = count(); printf("counted\n"); }
	} else {
		printf("later %d\n", n);
	}
	if (n & 1) { this->odd = 1; }
	printf("%d odd %d\n", n, this->odd);
	if (n > 3) exit(2);
	if (n == 3) ;
}
