/* A library: types, a translator, inlines. Words in braces { like_this } or "strings; with" declare nothing. */
#pragma D depends_on library consts.d
#pragma D depends_on module vmlinux

typedef struct tinfo {
	int t_pid;
	string t_name;
	char t_short[8];
	uint64_t t_addr;
	int t_lost;
} tinfo_t;

#pragma D binding "1.0" translator
translator tinfo_t < struct task_struct *T > {
	t_pid = T->pid + ONE;
	t_name = T->comm;
	t_short = T->comm;
	t_addr = (uint64_t)T;
};

inline tinfo_t *curtinfo = xlate <tinfo_t *> (curthread);
inline tinfo_t tinfos[int n] = xlate <tinfo_t> (n > 0 ? curthread->parent : curthread);

typedef struct finfo { int64_t f_off; string f_name; } finfo_t;
translator finfo_t < struct file *F > {
	f_off = defined(F->f_pos64) ? F->f_pos64 : F->f_pos;
	f_name = F == NULL ? "<none>" : "file";
};
provider myprov {
	probe take__off(struct file *f, int n) : (finfo_t *f, int n, tinfo_t *t);
	probe plain(int a, char *b);
	probe swap(int a, struct task_struct *t) : (tinfo_t *t, int a);
};
