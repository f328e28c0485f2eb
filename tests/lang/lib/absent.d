#pragma D depends_on provider nosuch
inline int ABSENT = 1;
