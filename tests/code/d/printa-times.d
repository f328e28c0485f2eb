/* An aggregation's value by the conversions of times and addresses; more conversions than aggregations: the last one again. */
BEGIN { @t = max(1000000000000000000); @n["k"] = sum(-5); @c["k"] = count(); }
BEGIN { printa("%@Y|%@25Y|%@T\n", @t); printa("%s %@d %@d %@x %@d\n", @n, @c); printa("%@a|%@p\n", @t); }
