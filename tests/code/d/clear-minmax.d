/* After clear() the next values count as the first ones. */
BEGIN { @mi = min(5); @ma = max(-5); @a = avg(100); @s = sum(7); @c = count(); @q = quantize(100); }
tick-1s /!n++/ { clear(@mi); clear(@ma); clear(@a); clear(@s); clear(@c); clear(@q); }
tick-1s /n == 2/ { @mi = min(50); @ma = max(-50); @a = avg(4); @s = sum(1); @c = count(); @q = quantize(2); }
tick-1s /n == 3/ { printa("%@d\n", @mi); printa("%@d\n", @ma); printa("%@d\n", @a); printa("%@d\n", @s); printa("%@d\n", @c); printa(@q); }
