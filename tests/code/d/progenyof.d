// run: place
BEGIN { printf("%d %d %d\n", progenyof(1234), progenyof(1), progenyof(77)); }
