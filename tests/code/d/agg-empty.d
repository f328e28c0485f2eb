/* Aggregations that nothing was added to print nothing, by name or at the end, in each form. */
BEGIN { printa(@c); printa("never %@d\n", @c); printa("%d never %@d\n", @k); printf("done\n"); }
BEGIN { clear(@c); trunc(@k); trunc(@k, 3); normalize(@c, 10); denormalize(@c); }
tick-1s /0/ { @c = count(); @k[1] = sum(2); @q = quantize(1); @l = lquantize(1, 0, 10, 1); @ll = llquantize(1, 10, 0, 2, 10); }
