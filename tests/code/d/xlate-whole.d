/* A translated structure as a whole. */
struct in { int v; uint8_t w; };
struct out { int64_t value; string text; char abc[8]; struct in in; unsigned low:4; int left_out; };
translator struct in < struct node *n > { v = n->value; w = n->value + 250; };
translator struct out < struct node *n > {
	value = n->value; text = "text"; abc = "abc"; in = xlate <struct in> (n); low = n->value + 16;
};
struct out o;
struct out by[int];
BEGIN
{
	o.left_out = 7;
	o = xlate <struct out> (args[3]);
	printf("%d %s %s %d %d %d %d\n", o.value, o.text, o.abc, o.in.v, o.in.w, o.low, o.left_out);
	by[3] = xlate <struct out> (args[3]->next);
	o = by[3];
	printf("%d %s %d %d\n", by[3].value, by[3].text, o.in.v, by[4].value);
	this->x = xlate <struct in> (args[3]);
	printf("%d %d\n", this->x.v, xlate <struct out *> (args[3])->in.w);
	print(xlate <struct in *> (args[3]));
	print(xlate <struct in> (args[3]));
}
