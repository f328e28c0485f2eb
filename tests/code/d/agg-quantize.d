BEGIN
{
	@ = quantize(0); @ = quantize(1); @ = quantize(5); @ = quantize(6); @ = quantize(7);
	@ = quantize(100); @ = quantize(-20);
	@w["weighted"] = quantize(8, 10);
	@w["weighted"] = quantize(16, 30);
	exit(0);
}
