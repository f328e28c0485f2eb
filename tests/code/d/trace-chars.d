// run: -q off
/* Bytes that look like text are shown as text, others as bytes. */
char a[8];
char full[3];
uint8_t b[4];
BEGIN { a = "text"; trace(a); }
BEGIN { full[0] = 'a'; full[1] = 'b'; full[2] = 'c'; trace(full); }
BEGIN { trace(b); }
BEGIN { b[0] = 'x'; b[1] = '\n'; trace(b); }
BEGIN { b[3] = 'z'; trace(b); }
BEGIN { b[0] = 200; trace(b); }
