/* Inlines with parameters. */
inline int square[int x] = x * x;
inline string ending[int n, string one] = n == 1 ? one : strjoin(one, "s");
inline struct node *nth[struct node *p, int n] = n == 0 ? p : n == 1 ? p->next : p->next->next;
inline uint8_t low[int x] = x;
int x;
BEGIN
{
	x = 3;
	printf("%d %d %d\n", square[x], square[x + 1], square[square[2]]);
	printf("%s %s\n", ending[1, "cat"], ending[2, "dog"]);
	printf("%d %d %d\n", nth[&`first_node, 0]->value, nth[&`first_node, 1]->value, nth[&`first_node, x - 1]->value);
	printf("%d\n", low[258]);
}
