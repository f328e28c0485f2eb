/* Formats without conversions, several lines, a NUL ends them. */
BEGIN { printf("text only\n"); printf("two\nlines\n"); printf("%%\n"); printf("a%db\n", 1); }
BEGIN { printf("%d%d%d\n", 1, 2, 3); printf("%s%d%c\n", "x", 5, 'y'); }
