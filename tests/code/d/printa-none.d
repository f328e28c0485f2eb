/* printa() of the anonymous aggregation, of one without keys, and twice; what was printed is not printed at the end. */
BEGIN { @ = count(); @n = sum(4); @other["k"] = count(); }
BEGIN { printa(@); printa("%@d\n", @n); printa(@n); printa(@n); }
