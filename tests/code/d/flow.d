// run: flow
// run: -q off
/* Levels are opened by the first record of an entry, and closed by the last of a return. */
fbt::f:entry { trace("in"); }
fbt::f:entry { trace("in 2"); }
other { printf("x"); }
fbt::f:return { trace("out"); }
fbt::f:return { trace("out 2"); }
