/* Increments below zero: bars to the left; of both signs: on both sides of the middle. */
BEGIN
{
	@neg = quantize(4, -3); @neg = quantize(16, -1);
	@mixed = quantize(4, 3); @mixed = quantize(16, -1);
	@gone = quantize(4, 3); @gone = quantize(4, -3);
	@lneg = lquantize(4, 0, 10, 2, -5);
	@lmixed = lquantize(4, 0, 10, 2, -5); @lmixed = lquantize(8, 0, 10, 2, 5);
}
