/* The bar's length is rounded from its share of all. */
BEGIN
{
	@ = lquantize(0, 0, 10, 1, 1); @ = lquantize(1, 0, 10, 1, 79); @ = lquantize(2, 0, 10, 1, 20);
	@t = lquantize(0, 0, 3, 1, 1); @t = lquantize(1, 0, 3, 1, 1); @t = lquantize(2, 0, 3, 1, 1);
	@small = quantize(1, 1); @small = quantize(2, 1000);
}
