/* Shifts: by the left operand's type; of signed values arithmetic; the count's type does not matter. */
int i;
uint64_t u;
int64_t l;
uint8_t n;
BEGIN
{
	i = -16; u = 0x8000000000000000; l = -16; n = 200;
	printf("%d %d %d\n", i >> 2, l >> 2, u >> 63);
	printf("%d %x\n", i << 28, l << 60);
	printf("%d %d\n", n << 1, n >> 3);
	printf("%x %x\n", 1 << 31, (int64_t)1 << 40);
	this->k = 3;
	printf("%d %d %d\n", 1 << this->k, -64 >> this->k, u >> (60 + this->k));
	i <<= 1; l >>= this->k; n <<= 1; u >>= 4;
	printf("%d %d %d %x\n", i, l, n, u);
}
