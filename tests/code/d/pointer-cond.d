BEGIN
{
	this->a = (struct node *)0xffff888000001400;
	g = this->a->next;
	this->which = 1;
	printf("%d\n", (this->which ? this->a : g)->value);
	printf("%d\n", (!this->which ? this->a : g)->value);
	printf("%d\n", (this->which ? g : 0)->value);
	printf("%d\n", g != 0 && g->value == 20);
	exit(0);
}
