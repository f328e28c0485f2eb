/* Comparisons: signed with unsigned, narrow with wide, pointers, with 0. */
BEGIN
{
	this->i = -1; this->u = 1u; this->c = (char)-1; this->uc = (unsigned char)255; this->l = (int64_t)-1; this->ul = (uint64_t)1;
	printf("%d%d%d\n", this->i < this->u, this->c < this->uc, this->c == this->i);
	printf("%d%d%d\n", this->l < this->u, this->l < this->ul, this->c < this->ul);
	printf("%d%d\n", this->i < 0, this->uc > 254);
	this->p = (int *)8; this->q = this->p + 1;
	printf("%d%d%d%d\n", this->p < this->q, this->p == this->q, this->p != NULL, !this->p);
	printf("%d%d\n", this->q - this->p == 1, (uintptr_t)this->q == 12);
	printf("%d%d\n", 1 == 1u, -1 == 0xffffffff);
}
