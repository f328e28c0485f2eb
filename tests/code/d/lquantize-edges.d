/* lquantize(): below, at and above its ends; negative bases; a step that does not divide the range. */
BEGIN
{
	@a = lquantize(-1, 0, 30, 10); @a = lquantize(0, 0, 30, 10); @a = lquantize(29, 0, 30, 10); @a = lquantize(30, 0, 30, 10);
	@n = lquantize(-15, -20, 20, 10); @n = lquantize(-20, -20, 20, 10); @n = lquantize(-21, -20, 20, 10);
	@odd = lquantize(9, 0, 10, 3); @odd = lquantize(10, 0, 10, 3); @odd = lquantize(8, 0, 10, 3);
	@step1 = lquantize(2, 0, 5);
	@under = lquantize(-1000000, 0, 5);
	@over = lquantize(1000000, 0, 5);
	@w = lquantize(3, 0, 5, 1, 7); @w = lquantize(1, 0, 5, 1, 14);
	@none = lquantize(3, 0, 5, 1, 0);
}
