BEGIN
{
	printf("%x %s\n", `counter, `greeting);
	printf("%d %d\n", `first_node.value, `first_node.next->value);
	printf("%d %d\n", `bytes[7], vmlinux`bytes[200]);
	this->i = 9;
	printf("%d %x %x\n", `bytes[this->i], *`head, `head[1]);
	printf("%p %d\n", &`first_node, &`first_node == (struct node *)0xffff888000001400);
	exit(0);
}
