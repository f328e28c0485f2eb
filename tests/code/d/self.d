tick-1
/!self->seen/
{
	self->seen = 1;
	self->count = 10;
	printf("first\n");
}
tick-1
{
	self->count++;
	printf("%d\n", self->count);
}
tick-1
/self->count == 12/
{
	self->seen = 0;
	self->count = 0;
}
