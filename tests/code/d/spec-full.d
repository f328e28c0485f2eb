// run: place
/* specsize is 512 here: what may be larger than the room that is left is dropped. */
BEGIN { s = speculation(); }
BEGIN { speculate(s); printf("%s %s\n", "0123456789012345678901234567890123456789", execname); }
tick-1s { speculate(s); printf("%d\n", n++); }
tick-2s { speculate(s); printf("%s\n", "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"); }
END { commit(s); }
