/* Rows are sorted by value, then by keys; strings by their bytes, integers as unsigned numbers are. */
BEGIN
{
	@v["b"] = sum(2); @v["a"] = sum(2); @v["c"] = sum(1); @v["B"] = sum(2);
	@i[10] = count(); @i[9] = count(); @i[-1] = count();
	@t["b", 1] = count(); @t["a", 2] = count(); @t["a", 1] = count();
	@avg["x"] = avg(1); @avg["x"] = avg(9); @avg["y"] = avg(4);
	@q["low"] = quantize(1); @q["low"] = quantize(1); @q["high"] = quantize(1024);
}
