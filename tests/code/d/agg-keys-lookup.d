// Keys and values that look variables up themselves.
BEGIN
{
	a[1] = 5;
	a[5] = 7;
	self->k = "key";
	@x[a[1], self->k, a[a[1]]] = sum(a[5] + a[1]);
	@x[a[1], "key", 7] = sum(a[1]);
	@q[self->k] = quantize(a[5], a[1]);
	exit(0);
}
