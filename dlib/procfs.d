/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes and threads: psinfo_t, lwpsinfo_t, and those of whoever fired the probe. What Linux does not have (the
 * argument vector's address, project and task ids) is left undefined: asking for it is an error, not a zero.
 */
inline char SSLEEP = 1;
inline char SRUN = 2;
inline char SZOMB = 3;
inline char SSTOP = 4;
inline char SIDL = 5;
inline char SONPROC = 6;
inline char SWAIT = 7;

inline int PR_STOPPED = 0x1;
inline int PR_ISSYS = 0x1000;
inline char PR_MODEL_ILP32 = 1;
inline char PR_MODEL_LP64 = 2;

typedef struct psinfo {
	int pr_nlwp;              /* threads of the process */
	pid_t pr_pid;
	pid_t pr_ppid;
	pid_t pr_pgid;
	pid_t pr_sid;
	uid_t pr_uid;             /* real, effective */
	uid_t pr_euid;
	gid_t pr_gid;
	gid_t pr_egid;
	uintptr_t pr_addr;        /* address of its task_struct */
	size_t pr_size;           /* of the address space, KiB */
	dev_t pr_ttydev;          /* its terminal; -1: none */
	char pr_fname[16];        /* name of the program */
	char pr_psargs[80];       /* its arguments; of another process than the running one, its name */
	char pr_dmodel;           /* PR_MODEL_* */
	int pr_wstat;             /* wait status of a zombie */
	int pr_argc;
	uintptr_t pr_argv;
	uintptr_t pr_envp;
} psinfo_t;

typedef struct lwpsinfo {
	int pr_flag;              /* PR_ISSYS: a thread of the kernel */
	id_t pr_lwpid;
	uintptr_t pr_addr;        /* address of its task_struct */
	uintptr_t pr_wchan;
	char pr_state;            /* SSLEEP, SRUN ... */
	char pr_sname;            /* the same as ps(1) shows it: S, R, Z, T, I, O */
	short pr_syscall;
	int pr_pri;               /* the kernel's: lower is more urgent, 120 is nice 0 */
	char pr_clname[8];        /* scheduling class */
	processorid_t pr_onpro;   /* CPU that it runs, or last ran, on */
} lwpsinfo_t;

/* Since Linux 5.14 the state has another name. */
inline long task_state_bits[struct task_struct *T] = defined(T->__state) ? T->__state : T->state;
inline char task_state[struct task_struct *T] =
	T->exit_state ? SZOMB : task_state_bits[T] & 0xc ? SSTOP :
	(task_state_bits[T] & 0x803) == 0x800 ? SIDL : task_state_bits[T] ? SSLEEP : T->on_cpu ? SONPROC : SRUN;
inline pid_t task_pid_of_type[struct task_struct *T, int type] =
	T->signal->pids[type] == NULL ? 0 : T->signal->pids[type]->numbers[0].nr;

translator psinfo_t < struct task_struct *T > {
	pr_nlwp = T->signal->nr_threads;
	pr_pid = T->tgid;
	pr_ppid = T->real_parent->tgid;
	pr_pgid = task_pid_of_type[T, 2];
	pr_sid = task_pid_of_type[T, 3];
	pr_uid = T->cred->uid.val;
	pr_euid = T->cred->euid.val;
	pr_gid = T->cred->gid.val;
	pr_egid = T->cred->egid.val;
	pr_addr = (uintptr_t)T;
	pr_size = T->mm == NULL ? 0 : T->mm->total_vm * 4;
	pr_ttydev = T->signal->tty == NULL ? -1 :
		(dev_t)T->signal->tty->driver->major << 20 | (T->signal->tty->driver->minor_start + T->signal->tty->index);
	pr_fname = T->comm;
	pr_psargs = T->mm == NULL || T != curthread ? stringof(T->comm) :
		defined(execargs) ? execargs : copyinstr(T->mm->arg_start);
	pr_dmodel = defined(T->thread_info.flags) && T->thread_info.flags & (1 << 29) ? PR_MODEL_ILP32 : PR_MODEL_LP64;
	pr_wstat = T->exit_code;
};

translator lwpsinfo_t < struct task_struct *T > {
	pr_flag = T->flags & 0x200000 ? PR_ISSYS : 0;
	pr_lwpid = T->pid;
	pr_addr = (uintptr_t)T;
	pr_state = task_state[T];
	pr_sname = task_state[T] == SSLEEP ? 'S' : task_state[T] == SRUN ? 'R' : task_state[T] == SZOMB ? 'Z' :
		task_state[T] == SSTOP ? 'T' : task_state[T] == SIDL ? 'I' : 'O';
	pr_pri = T->prio;
	pr_clname = T->policy == 0 ? "TS" : T->policy == 1 ? "FIFO" : T->policy == 2 ? "RR" : T->policy == 3 ? "BATCH" :
		T->policy == 5 ? "IDLE" : T->policy == 6 ? "DL" : "EXT";
	pr_onpro = defined(T->thread_info.cpu) ? T->thread_info.cpu : defined(T->cpu) ? T->cpu : T->wake_cpu;
};

inline psinfo_t *curpsinfo = xlate <psinfo_t *> (curthread);
inline lwpsinfo_t *curlwpsinfo = xlate <lwpsinfo_t *> (curthread);
