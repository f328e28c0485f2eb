struct node *g;
BEGIN
{
	self->p = g;
	x = g->value;
}
BEGIN
{
	y = self->p->next->value;
}
BEGIN
{
	z = list[1] != 0 ? list[1]->value : -1;
	printf("%d\n", z);
	list[1] = g;
	z = list[2]->value;
}
