this int t;
self int64_t s;
BEGIN
{
	this->t = 100;
	this->t += 5; this->t -= 10; this->t *= 2; this->t /= 7; this->t %= 10; this->t <<= 4;
	printf("%d\n", this->t);
	self->s = 7;
	self->s *= 6; self->s |= 1; self->s ^= 8;
	printf("%d\n", self->s);
	exit(0);
}
