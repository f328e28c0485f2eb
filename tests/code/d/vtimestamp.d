BEGIN
{
	this->v = vtimestamp;
	printf("%d %d", vtimestamp == this->v, (int64_t)this->v >= 0);
}
END
/vtimestamp < 0/
{
	exit(1);
}
