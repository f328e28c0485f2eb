/* Keys are shown by their type: 8, 16, 32, 64 bits, text, characters of an array, enumerators, pointers. */
enum color { RED, GREEN };
char name[8];
BEGIN
{
	@a[(int8_t)-1] = count(); @b[(int16_t)-1] = count(); @c[-1] = count(); @d[(int64_t)-1] = count();
	@e[(uint8_t)255] = count(); @f[(uint16_t)65535] = count(); @g[(uint32_t)-1] = count(); @h[(uint64_t)-1] = count();
	@i[""] = count(); @j["a string of more than fifty characters is not cut, it only pushes the value"] = count();
	name = "chars"; @k[name] = count(); @l[GREEN] = count(); @m[(void *)16] = count(); @n['c'] = count();
	@o["two", "keys"] = count();
}
