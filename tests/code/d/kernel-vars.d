/* The kernel's variables: by name, by module, arrays, pointers, addresses, functions. */
BEGIN
{
	printf("%x %x\n", `counter, vmlinux`counter);
	printf("%s %c\n", `greeting, `greeting[7]);
	printf("%d %d\n", `bytes[200], sizeof(`bytes));
	printf("%d %d\n", `first_node.value, `first_node.next->next->value);
	printf("%d\n", *(`head) == 0x100 || *`head == *(short *)&`bytes);
	printf("%d %d\n", &`bytes[3] - &`bytes[0], (char *)&`first_node.value - (char *)&`first_node);
	printf("%d\n", (uintptr_t)&`do_thing - (uintptr_t)&`bytes);
	@[`bytes[1], stringof(`greeting)] = count();
}
