// run: agghist
// run: aggzoom
BEGIN { @["read"] = sum(100); @["write"] = sum(55); @["open"] = sum(1); @q["z"] = quantize(5); @q["z"] = quantize(5); @q["z"] = quantize(50); }
