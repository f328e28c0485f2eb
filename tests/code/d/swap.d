BEGIN
{
	printf("%x %x %x\n", htons(0x1234), htonl(0x12345678), htonll(0x123456789abcdef0));
	printf("%x %x %x\n", ntohs(0x3412), ntohl(0x78563412), ntohll(0xf0debc9a78563412));
	printf("%x %x\n", htons(0xffff1234), htonl(-1));
	this->dev = (8 << 20) | 17;
	printf("%d %d\n", getmajor(this->dev), getminor(this->dev));
}
