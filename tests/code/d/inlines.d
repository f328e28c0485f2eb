/* Inlines: of other inlines, of variables, strings, with parameters; evaluated where they are used. */
inline int TEN = 10;
inline int HUNDRED = TEN * TEN;
inline string NAME = "inline";
inline int next = n + 1;
inline int twice[int x] = x + x;
inline string pair[string a, string b] = strjoin(a, b);
inline int larger[int a, int b] = a > b ? a : b;
int n;
BEGIN
{
	n = 5;
	printf("%d %d %s %d\n", TEN, HUNDRED, NAME, next);
	n = 8;
	printf("%d %d %d\n", next, twice[n], twice[twice[3]]);
	printf("%s %s\n", pair[NAME, "d"], pair[pair["a", "b"], "c"]);
	printf("%d %d\n", larger[3, 4], larger[next, 2]);
	printf("%d %d\n", twice[n++], n);
	printf("%d\n", sizeof(TEN));
}
