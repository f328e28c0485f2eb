// run: place
BEGIN
{
	printf("%d %d %d %d %d\n", pid, tid, ppid, uid, gid);
	printf("%s %s\n", execname, vmname);
	printf("%s %s %d\n", probeprov, probename, cpu);
	printf("%d %d\n", timestamp > 0, timestamp == timestamp);
	printf("%d\n", walltimestamp > 1600000000000000000);
	exit(0);
}
