/* exit() of an ERROR clause ends the firing that faulted. */
BEGIN { x = *(int *)0; printf("never\n"); }
BEGIN { printf("nor this\n"); }
ERROR { printf("error: fault %d\n", arg4); exit(1); }
END { printf("end\n"); }
