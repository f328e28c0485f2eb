// run: place
BEGIN
{
	printf("%d %d\n", curthread->value, curthread->next->value);
	t = curthread->next;
	printf("%d\n", t->next->value);
	exit(0);
}
