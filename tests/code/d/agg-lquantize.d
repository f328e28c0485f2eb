BEGIN
{
	@l = lquantize(5, 0, 50, 10); @l = lquantize(15, 0, 50, 10); @l = lquantize(17, 0, 50, 10);
	@l = lquantize(-3, 0, 50, 10); @l = lquantize(50, 0, 50, 10); @l = lquantize(49, 0, 50, 10);
	@one = lquantize(2, 0, 4);
	exit(0);
}
