// More values held than there are registers.
BEGIN
{
	x = 1;
	printf("%d\n", x+(x+(x+(x+(x+(x+(x+(x+(x+(x+(x+(x+x))))))))))));
	printf("%d\n", (x*2-(x*3-(x*4-(x*5-(x*6-(x*7-(x*8-x*9))))))));
	printf("%s\n", strjoin("a", strjoin("b", strjoin("c", strjoin("d", strjoin("e", strjoin("f", "g")))))));
	exit(0);
}
