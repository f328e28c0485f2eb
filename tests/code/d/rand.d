/* Numbers of 31 bits, not all the same. */
tick-1s { n += rand() < 0; @ = sum(1); a = rand(); b = rand(); same += a == b; }
END { printf("%d %d\n", n, same); }
