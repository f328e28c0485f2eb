/* What is added after trunc() begins anew; after clear() the key is still there. */
tick-1s { @t["a"] = count(); @c["a"] = count(); }
tick-1s { printa("t %s %@d\n", @t); printa("c %s %@d\n", @c); trunc(@t); clear(@c); }
tick-1s { printa("t %s %@d\n", @t); printa("c %s %@d\n", @c); }
