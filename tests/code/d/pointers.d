struct node *head;
BEGIN
{
	this->n = (struct node *)0xffff888000001400;
	head = this->n;
	printf("%d %d %d\n", this->n->value, this->n->next->value, this->n->next->next->value);
	printf("%d\n", head->next->value);
	self->n = head->next;
	printf("%d\n", self->n->value);
	list["second"] = self->n;
	printf("%d\n", list["second"]->next->value);
	this->n = this->n->next->next;
	printf("%d %d\n", this->n->value, this->n->next == 0);
	printf("%d\n", (*head).value);
	exit(0);
}
