/* Rows with distributions are sorted by the sum of what the buckets stand for; equal sums by how many zeros there are. */
BEGIN
{
	@l["over"] = lquantize(1000, 0, 100, 10); @l["in"] = lquantize(50, 0, 100, 10); @l["under"] = lquantize(-5, 0, 100, 10);
	@l["two"] = lquantize(30, 0, 100, 10); @l["two"] = lquantize(30, 0, 100, 10);
	@z["a zero"] = lquantize(0, -10, 10, 5); @z["none"] = lquantize(0, -10, 10, 5, 0);
	@ll["large"] = llquantize(900, 10, 0, 2, 10); @ll["small"] = llquantize(2, 10, 0, 2, 10);
}
END { trunc(@l, 3); }
