/* printa(): flags, widths and precisions of keys and values; a key may be left out; text around. */
BEGIN { @["alpha", 7] = sum(42); @["b", 12345] = sum(-3); }
BEGIN { printa("%-10s|%8d|%@8d|%-@8d|\n", @); }
BEGIN { printa("%10s %x %@x\n", @); }
BEGIN { printa("[%.2s] %05d %@5u %@05d\n", @); }
BEGIN { printa("%s\n", @); }
BEGIN { printa("only %@d\n", @); }
BEGIN { printa("%@d %s %@d\n", @); }
BEGIN { printa("%% %s%%\n", @); }
BEGIN { printa("constant\n", @); }
BEGIN { printa("%S %c\n", @); }
END { trunc(@); }
