struct pair {
	float f;
	double d;
	int after;
};
union bits {
	uint64_t i;
	double d;
	uint32_t w;
	float f;
};
float single;
double some, at[int];
long double wide;
struct pair both;
self double mine;
union bits u;
this double here;

BEGIN
{
	printf("%f %e %g %Lg|", single, some, self->mine, wide);
	u.i = 0xbff8000000000000;
	some = u.d;
	at[7] = some;
	self->mine = at[7];
	this->here = self->mine;
	both.d = this->here;
	both.after = 5;
	u.w = 0x40490fdb;
	single = u.f;
	both.f = single;
}
BEGIN
{
	printf("%f %e %G %8.2f|%-9.3E|%+g", both.f, both.d, both.d, single, some, at[7]);
}
BEGIN
{
	trace(some);
	trace(both.f);
}
BEGIN
{
	print(both);
	print(some);
}
BEGIN
{
	u.i = 0x7ff0000000000000;
	printf("%f ", u.d);
	u.i = 0x7ff8000000000001;
	printf("%f %d %d", u.d, sizeof(single), sizeof(wide));
}
