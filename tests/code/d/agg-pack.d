// run: aggpack
// run: ascii
BEGIN { @["read"] = quantize(5, 10); @["read"] = quantize(6, 30); @["read"] = quantize(100, 25); @["write"] = quantize(40000, 3); @["write"] = quantize(5);
	@n[1] = quantize(-3); @n[1] = quantize(0); @l["l"] = lquantize(3, 0, 10, 1); @l["l"] = lquantize(5, 0, 10, 1, 3); @l["m"] = lquantize(50, 0, 10);
	@none = quantize(0, 0); @neg["k"] = quantize(4, -3); @neg["k"] = quantize(9, -1); @ll = llquantize(5, 10, 0, 1, 10); @c = count(); }
