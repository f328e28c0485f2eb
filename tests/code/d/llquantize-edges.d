/* llquantize(): what lies below the lowest magnitude, above the highest, and at the bounds between. */
BEGIN
{
	@a = llquantize(0, 10, 1, 3, 10); @a = llquantize(9, 10, 1, 3, 10); @a = llquantize(10, 10, 1, 3, 10);
	@a = llquantize(99, 10, 1, 3, 10); @a = llquantize(100, 10, 1, 3, 10);
	@top = llquantize(9999, 10, 1, 3, 10); @top = llquantize(10000, 10, 1, 3, 10);
	@neg = llquantize(-9, 10, 1, 3, 10); @neg = llquantize(-10, 10, 1, 3, 10);
	@w = llquantize(500, 10, 0, 3, 20, 7);
	@two = llquantize(3, 2, 0, 4, 2); @two = llquantize(8, 2, 0, 4, 2);
}
BEGIN
{
	/* Nothing negative to show: the bucket below the lowest magnitude says so. */
	@only = llquantize(15, 10, 1, 3, 10); @only = llquantize(3, 10, 1, 3, 10);
	@first = llquantize(10, 10, 1, 3, 10);
}
