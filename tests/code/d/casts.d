/* Casts cut and extend; to and from pointers. */
BEGIN
{
	printf("%d %d %d\n", (char)0x1ff, (unsigned char)-1, (short)0x18000);
	printf("%d %u %d\n", (int)0x1ffffffff, (unsigned int)-1, (int64_t)(unsigned int)-1);
	printf("%d %x\n", (int64_t)(int)0x80000000, (uint64_t)(int)0x80000000);
	printf("%x %d\n", (uint64_t)(char)-128, (_Bool)0x10000);
	this->p = (int *)0x1000;
	printf("%p %x %d\n", this->p + 3, (uintptr_t)(this->p - 1), (int *)0x1010 - this->p);
	printf("%p %s\n", (char *)this->p + 1, (string)"text");
	printf("%d\n", (int64_t)(void *)-1);
	printf("%d %d\n", (long long)-5 / 2, (unsigned long)7 / 2);
	printf("%d %d\n", (signed char)200, (unsigned)3);
}
