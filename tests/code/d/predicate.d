// run: place
BEGIN { x = 1; }
BEGIN /x == 1/ { printf("one\n"); x = 2; }
BEGIN /x == 1/ { printf("not here\n"); }
BEGIN /x/ { printf("true\n"); }
BEGIN /!x/ { printf("not here\n"); }
BEGIN /x == 2 && pid == 1234/ { printf("both\n"); }
BEGIN /x == 3 || pid == 1234/ { printf("either\n"); }
BEGIN /0/ { printf("not here\n"); }
BEGIN /1/ { printf("always\n"); exit(0); }
