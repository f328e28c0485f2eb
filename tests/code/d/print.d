BEGIN
{
	print((struct rec *)0xffff888000001008);
	print(*(struct node *)0xffff888000001400);
	print((struct out *)0xffff888000001010);
	print(5);
	print("text");
	print(execname);
	exit(0);
}
