/* Factor, magnitudes, steps: fewer, as many, more than the factor; increments; negative values. */
BEGIN
{
	@a = llquantize(-20, 4, 0, 1, 2, 80); @a = llquantize(-16, 4, 0, 1, 2, 84); @a = llquantize(-12, 4, 0, 1, 2, 88);
	@a = llquantize(-5, 4, 0, 1, 2, 95); @a = llquantize(-1, 4, 0, 1, 2, 99); @a = llquantize(0, 4, 0, 1, 2, 100);
	@a = llquantize(1, 4, 0, 1, 2, 101); @a = llquantize(3, 4, 0, 1, 2, 103); @a = llquantize(6, 4, 0, 1, 2, 106);
	@a = llquantize(12, 4, 0, 1, 2, 112); @a = llquantize(16, 4, 0, 1, 2, 116); @a = llquantize(20, 4, 0, 1, 2, 120);
	@b = llquantize(-8, 4, 0, 1, 8); @b = llquantize(14, 4, 0, 1, 8);
	@c = llquantize(256, 4, 4, 6, 32); @c = llquantize(255, 4, 4, 6, 32); @c = llquantize(351, 4, 4, 6, 32);
	@c = llquantize(16384, 4, 4, 6, 32, 2);
	@zero = llquantize(0, 2, 0, 1, 2, 1); @zero = llquantize(0, 2, 0, 1, 2, -1);
	@neg = llquantize(2, 2, 0, 1, 2, -1);
	@log[1] = llquantize(-100000, 10, 0, 3, 1, 3); @log[1] = llquantize(9, 10, 0, 3, 1, 2); @log[1] = llquantize(1000, 10, 0, 3, 1);
	@log[2] = llquantize(50, 10, 0, 3, 1); @log[3] = llquantize(1, 10, 0, 3, 1);
	@l = lquantize(3, 0, 10, 1, 5);
}
