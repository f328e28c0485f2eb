/* quantize(): 0, both ends of the 64 bits, powers of two and their neighbours, an increment of 0. */
BEGIN
{
	@z = quantize(0);
	@big = quantize(0x7fffffffffffffff);
	@small = quantize(-0x7fffffffffffffff - 1);
	@p[1] = quantize(1023); @p[2] = quantize(1024); @p[3] = quantize(1025);
	@n[1] = quantize(-1); @n[2] = quantize(-2); @n[3] = quantize(-3);
	@none = quantize(5, 0);
	@both = quantize(-1); @both = quantize(1);
	@wide = quantize(1); @wide = quantize(64);
}
