inline int BROKEN = ;
