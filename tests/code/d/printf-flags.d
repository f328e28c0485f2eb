/* Flags, widths, precisions, in all their combinations that make a difference. */
BEGIN
{
	printf("[%5d] [%-5d] [%05d] [%-05d] [%+d] [%+5d] [% d] [% 5d]\n", 42, 42, 42, 42, 42, 42, 42, 42);
	printf("[%5d] [%05d] [%+d] [% d]\n", -42, -42, -42, -42);
	printf("[%x] [%#x] [%#X] [%08x] [%#10x] [%-#10x] [%o] [%#o]\n", 255, 255, 255, 255, 255, 255, 8, 8);
	printf("[%.3d] [%8.3d] [%-8.3d] [%.0d] [%.5x] [%08.3d]\n", 5, 5, 5, 0, 255, 5);
	printf("[%10s] [%-10s] [%.2s] [%10.2s] [%-10.2s] [%.0s]\n", "text", "text", "text", "text", "text", "text");
	printf("[%c] [%5c] [%-5c]\n", 'a', 'b', 'c');
	printf("[%*d] [%-*d] [%*d] [%.*d] [%*.*d] [%-*.*d]\n", 6, 1, 6, 2, -6, 3, 3, 4, 6, 3, 5, 6, 3, 6);
	printf("[%*s] [%.*s] [%-*.*s]\n", 6, "abc", 2, "abc", 6, 1, "abc");
	printf("[%?d] [%-?d] [%?p] [%?x]\n", 7, 7, (void *)7, 7);
	printf("[%'d] [%'u]\n", 1234567, 1234567);
	printf("[%%] [%d%%]\n", 50);
	printf("[%3d] [%3s]\n", 12345, "longer");
	printf("[%i] [%u] [%d]\n", -1, -1, (uint64_t)-1);
	printf("[%p] [%p] [%10p]\n", (void *)0xffff, NULL, (void *)16);
}
