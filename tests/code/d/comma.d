/* The comma: for its effect, then its value. */
BEGIN { x = (y = 4, y + 1), z = x * 2; printf("%d %d %d\n", x, y, z); }
BEGIN { printf("%d %d\n", (x++, x), (y, z)); }
