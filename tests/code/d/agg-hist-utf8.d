// run: agghist
// run: utf8
BEGIN { @["read"] = sum(100); @["write"] = sum(55); @["open"] = sum(7); @q = quantize(5); @q = quantize(100); @q = quantize(100); }
