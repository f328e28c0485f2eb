// run: place
// run: destructive
/* What goes to the world outside is told here, not done. */
BEGIN
{
	system("ps -p %d -o comm", pid);
	system("echo %s %5.2s", execname, "abc");
	freopen("/dev/null");
	printf("not seen\n");
	freopen("");
	printf("seen\n");
	setopt("quiet");
	setopt("aggrate", "1s");
	this->n = "switchrate";
	setopt(this->n, strjoin("1", "0hz"));
	ftruncate();
	system("echo '%s'", "it's");
	system("%s", "a;b");
	freopen("/nonexistent/%s", execname);
	printf("still here\n");
}
