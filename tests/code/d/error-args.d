/* What ERROR is told: the enabled probe, the action, where in its code, the fault, the address. */
BEGIN { x = 1; }
BEGIN { x = 2; y = x; trace(*(int *)16); }
BEGIN /x / z/ { }
BEGIN { printf("%d\n", x % z); }
BEGIN { if (x == 2) { y = 1; y = *(char *)24; } }
ERROR { printf("clause %d action %d, offset %d a multiple of 8: %d, fault %d value %x\n", arg1, arg2, arg3 > 0, arg3 % 8 == 0, arg4, arg5); }
ERROR { printf("%d %d\n", arg0, arg6); }
int z;
