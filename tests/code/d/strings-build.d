/* Strings put together and taken apart again. */
BEGIN
{
	p = "/usr/share/doc//dvirt/README.gz";
	printf("%s|%s|%s\n", basename(p), dirname(p), cleanpath(p));
	printf("%s %s\n", strrchr(p, '.'), strstr(p, "doc"));
	this->dot = rindex(p, ".");
	printf("%s %s\n", substr(p, this->dot + 1), substr(basename(p), 0, index(basename(p), ".")));
	printf("%s\n", strjoin(strjoin(lltostr(strlen(p)), ":"), toupper(substr(p, -9, 6))));
	printf("%d %d\n", strtoll(substr("id=42", 3)), strlen(lltostr(-123)));
	printf("%s %s\n", strtok(p, "/"), strtok(NULL, "/"));
	printf("%s\n", strchr(p, '.') == strrchr(p, '.') ? "one dot" : "several");
	printf("%d\n", strstr(p, "none") == NULL && index(p, "none") == -1);
}
