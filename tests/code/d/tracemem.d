BEGIN
{
	tracemem(&`bytes, 20);
	tracemem(0xffff888000001100, 8);
	this->n = 3;
	tracemem(&`bytes, 32, this->n);
	tracemem(copyin(0x400000, 9), 9);
	tracemem(&`bytes, 16, -1);
}
