// Another machine's structures need that machine's types.
BEGIN
{
	this->p = (struct node *)&db`vmlinux`first_node;
	printf("%d\n", this->p->value);
	exit(0);
}
