// run: agghist
BEGIN { @["read"] = sum(100); @["write"] = sum(55); @["open"] = sum(1); @c[1, "a long one"] = count(); @c[2, "x"] = count(); @c[2, "x"] = count();
	@n["m"] = sum(-4); @n["p"] = sum(8); @q["read"] = quantize(5); @one = sum(3); }
