/* Enumerations and constants made of them. */
enum { A, B = 4, C, D = B | 1 << 3, E = sizeof(int) * C - 1 };
typedef enum { NO, YES = 'y' } answer_t;
answer_t ans;
int sizes[C];
BEGIN
{
	ans = YES;
	sizes[B] = 1;
	printf("%d %d %d %d %d\n", A, B, C, D, E);
	printf("%d %d %s\n", ans, sizeof(sizes), ans == YES ? "yes" : "no");
}
