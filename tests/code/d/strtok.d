/* strtok() goes on from clause to clause of one firing, and each firing begins anew. */
BEGIN
{
	this->str = ",,,Carrots,,Barley,Oatmeal,,,Beans,";
}
BEGIN
/(this->field = strtok(this->str, ",")) != NULL/
{
	printf("%s\n", this->field);
	this->str = "gone";
}
BEGIN
/(this->field = strtok(NULL, ",")) != NULL/
{
	printf("%s\n", this->field);
	printf("%s\n", strtok(NULL, "l"));
	printf("%s\n", strtok(NULL, ","));
	printf("%s\n", strtok(NULL, ","));
	printf("[%s]\n", strtok(NULL, ","));
	printf("[%s]\n", strtok(NULL, ","));
}
BEGIN { printf("%s %s %s\n", strtok("a b", " "), strtok(NULL, " "), strtok("", " ")); }
tick-1s { printf("%s\n", strtok(NULL, ",")); }
