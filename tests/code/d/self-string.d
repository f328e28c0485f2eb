BEGIN
{
	self->s = "thread";
	printf("%s\n", self->s);
	self->s = strjoin(self->s, "s");
	printf("%s\n", self->s);
	self->s = 0;
	printf("[%s]\n", self->s);
	exit(0);
}
