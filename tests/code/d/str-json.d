BEGIN
{
	this->j = "{\"name\": \"dvirt\", \"n\": 42, \"neg\": -1.5e3, \"yes\": true, \"no\":null, \"list\": [1, \"two\", {\"three\": 3}, [4, 5]], \"o\": {\"a b\": {\"c\": \"x\\\"y\"}}}";
	printf("%s %s %s %s %s\n", json(this->j, "name"), json(this->j, "n"), json(this->j, "neg"), json(this->j, "yes"), json(this->j, "no"));
	printf("%s %s %s %s\n", json(this->j, "list[0]"), json(this->j, "list[1]"), json(this->j, "list[2].three"), json(this->j, "list[3][1]"));
	printf("%s %s %s\n", json(this->j, "list[3]"), json(this->j, "o.a b.c"), json(this->j, "o"));
	printf("[%s] [%s] [%s] [%s]\n", json(this->j, "list[9]"), json(this->j, "none"), json(this->j, "name.x"), json(this->j, ""));
	printf("%s %s [%s]\n", json("[10, 20, 30]", "[1]"), json(" [ 10 , 20 ] ", "1"), json("{", "a"));
	printf("%d\n", json(this->j, "nothing") == NULL);
}
