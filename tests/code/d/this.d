// Clause-locals last through the clauses of one firing, and start at zero.
tick-1
{
	printf("%d ", this->x);
	this->x = 7;
	this->s = "text";
}
tick-1
{
	printf("%d %s\n", this->x, this->s);
}
