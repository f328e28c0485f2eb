/* Types of the script's own for memory of the machine: casts, sizeof, offsetof, arithmetic. */
typedef struct cell { struct cell *next; int64_t value; } cell_t;
typedef unsigned char byte_t;
typedef byte_t quad_t[4];
struct view { uint16_t first; quad_t q[2]; };
cell_t *c;
byte_t *b;
int (*f)(int);
BEGIN
{
	c = (cell_t *)&`first_node;
	printf("%d %d %d\n", c->value, c->next->value, (c + 1)->value);
	c++;
	printf("%d %d\n", c->value, c - (cell_t *)&`first_node);
	b = (byte_t *)&`bytes;
	printf("%d %d %d\n", b[200], *(b + 3), (&b[10] - b));
	printf("%d %d %d\n", ((struct view *)b)->first, ((struct view *)b)->q[1][2], ((quad_t *)b)[3][1]);
	printf("%d %d %d %d\n", sizeof(cell_t), sizeof(quad_t), sizeof(struct view), offsetof(struct view, q));
	printf("%d %d %d\n", sizeof(f), sizeof(c->value), sizeof "four");
	f = 0;
	printf("%d\n", f == NULL);
}
