inline int ONE = 1; inline int TWO = ONE + 1;
enum consts { LIB_A = 5, LIB_B, LIB_C = LIB_A * 2 };
inline string word = "library's";
struct libonly { int x; };
#pragma D attributes Stable/Stable/Common word
