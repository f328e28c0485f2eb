/* Division and remainder by zero are faults, each of its own clause; where they are not evaluated they are none. */
int z;
int64_t lz;
BEGIN { printf("%d\n", 10 / z); }
BEGIN { printf("%d\n", 10 % z); }
BEGIN { x = 7; x /= z; printf("never\n"); }
BEGIN { x %= lz; printf("never\n"); }
BEGIN { printf("x is %d\n", x); }
BEGIN /1 / z/ { printf("never\n"); }
BEGIN { printf("%d\n", z != 0 && 10 / z > 1); }
BEGIN { printf("%d\n", z ? 10 / z : -1); }
BEGIN { @a = sum(1 / z); }
BEGIN { @b = count(); }
