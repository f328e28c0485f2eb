// run: aggpack
// run: utf8
// run: aggzoom
BEGIN { @["read"] = quantize(5, 10); @["read"] = quantize(6, 30); @["read"] = quantize(100, 25); @["write"] = quantize(40000, 3); @["write"] = quantize(5); }
