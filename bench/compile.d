/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A long script, for bench/compile: what the kernel does for the programs that run, by system call, by file, by packet, by
 * time on and off the CPU, with what all of the kernel's functions do for the requests that are slow.
 */
#pragma D option quiet
#pragma D option dynvarsize=16m
#pragma D option aggsize=8m

enum layer { L_SYSCALL, L_VFS, L_BLOCK, L_NET, L_SCHED, L_MAX };
typedef struct key {
	pid_t k_pid;
	uint32_t k_layer : 3, k_write : 1, k_error : 12;
	char k_name[16];
} key_t;
typedef struct work {
	uint64_t r_start, r_last;
	uint64_t r_wait[5];
	int64_t r_bytes;
	uint32_t r_calls;
	key_t r_key;
	struct task_struct *r_task;
} work_t;
union word {
	uint64_t w_all;
	uint32_t w_half[2];
	uint8_t w_byte[8];
};
typedef struct where {
	string w_func;
	uint64_t w_time;
	int w_depth;
} where_t;

/* What is wanted of the kernel's own structures, under names that stay. */
typedef struct file_i {
	string f_name, f_dir;
	uint64_t f_ino, f_size, f_pos;
	int f_flags, f_mode;
} file_i_t;
translator file_i_t < struct file *F > {
	f_name = stringof(F->f_path.dentry->d_name.name);
	f_dir = stringof(F->f_path.dentry->d_parent->d_name.name);
	f_ino = F->f_path.dentry->d_inode->i_ino;
	f_size = F->f_path.dentry->d_inode->i_size;
	f_pos = F->f_pos;
	f_flags = F->f_flags;
	f_mode = F->f_mode;
};
typedef struct task_i {
	pid_t t_pid, t_tid, t_ppid;
	string t_name, t_parent;
	int t_prio, t_cpu;
	uint64_t t_start, t_switches;
} task_i_t;
translator task_i_t < struct task_struct *T > {
	t_pid = T->tgid;
	t_tid = T->pid;
	t_ppid = T->real_parent->tgid;
	t_name = stringof(T->comm);
	t_parent = stringof(T->real_parent->comm);
	t_prio = T->prio;
	t_cpu = T->wake_cpu;
	t_start = T->start_time;
	t_switches = T->nvcsw + T->nivcsw;
};
typedef struct pkt_i {
	uint32_t p_len, p_data;
	uint16_t p_proto;
	string p_dev;
	int p_ifindex;
} pkt_i_t;
translator pkt_i_t < struct sk_buff *S > {
	p_len = S->len;
	p_data = S->data_len;
	p_proto = ntohs(S->protocol);
	p_dev = S->dev == NULL ? "-" : stringof(S->dev->name);
	p_ifindex = S->dev == NULL ? 0 : S->dev->ifindex;
};
typedef struct sock_i {
	uint16_t s_family, s_lport, s_dport;
	uint8_t s_state;
	int s_sndbuf, s_rcvbuf;
	uint32_t s_laddr, s_daddr;
} sock_i_t;
translator sock_i_t < struct sock *K > {
	s_family = K->__sk_common.skc_family;
	s_lport = K->__sk_common.skc_num;
	s_dport = ntohs(K->__sk_common.skc_dport);
	s_state = K->__sk_common.skc_state;
	s_sndbuf = K->sk_sndbuf;
	s_rcvbuf = K->sk_rcvbuf;
	s_laddr = K->__sk_common.skc_rcv_saddr;
	s_daddr = K->__sk_common.skc_daddr;
};

inline task_i_t *me = xlate <task_i_t *>(curthread);
inline int slow = 1000000;
inline int64_t micros[int64_t ns] = ns / 1000;
inline string how[int e] = e == 0 ? "ok" : e == 2 ? "no such file" : e == 11 ? "again" : e == 13 ? "denied" : "failed";
inline string side[int w] = w ? "write" : "read";
inline int is_page[uint64_t n] = (n & 4095) == 0 && n != 0;

work_t all;
self work_t req;
self where_t top;
self int depth, traced, saved;
self uint64_t t[int];
this key_t key;
this union word w;
uint64_t started[uint64_t];
string names[pid_t];
int64_t opens[string, int];
work_t slowest;
int requests, too_slow, lost;

dtrace:::BEGIN
{
	all.r_start = timestamp;
	all.r_key.k_name = "all";
	slowest.r_last = 0;
	this->w.w_all = 0x0102030405060708;
	printf("%-8s %-16s %10s %10s  %s\n", "PID", "PROGRAM", "CALLS", "us", "WHAT");
	printf("layers %d, a request has %d bytes, a key %d; low byte %d\n", L_MAX, sizeof(work_t), sizeof(key_t),
	    this->w.w_byte[0]);
}

/* System calls: each thread's request begins with the first and ends with its next wait for one. */
syscall:::entry
{
	self->t[L_SYSCALL] = timestamp;
	self->req.r_calls++;
	@calls[vmname, execname, probefunc] = count();
}
syscall::*read*:entry, syscall::recv*:entry, syscall::accept*:entry
/!self->traced/
{
	self->req.r_start = timestamp;
	self->req.r_key.k_pid = pid;
	self->req.r_key.k_layer = L_SYSCALL;
	self->req.r_key.k_write = 0;
	self->req.r_key.k_name = execname;
	self->traced = 1;
	requests++;
}
syscall::*write*:entry, syscall::send*:entry
/self->traced/
{
	self->req.r_key.k_write = 1;
	self->req.r_bytes += arg2;
	@sizes[side[1], execname] = quantize(arg2);
	@pages[execname] = sum(is_page[arg2]);
}
syscall::open*:entry
{
	opens[copyinstr(probefunc == "open" ? arg0 : arg1), pid]++;
	@opened[basename(copyinstr(probefunc == "open" ? arg0 : arg1)), execname] = count();
}
syscall:::return
/self->t[L_SYSCALL] && errno/
{
	self->req.r_key.k_error = errno;
	@errors[execname, probefunc, how[errno]] = count();
}
syscall:::return
/self->t[L_SYSCALL]/
{
	this->took = timestamp - self->t[L_SYSCALL];
	self->req.r_wait[L_SYSCALL] += this->took;
	@took[probefunc] = quantize(this->took);
	@mean[execname, probefunc] = avg(micros[this->took]);
	@spread[execname] = stddev(this->took);
	@least[probefunc] = min(this->took);
	@most[probefunc] = max(this->took);
	self->t[L_SYSCALL] = 0;
}

/* Files. */
fbt::vfs_read:entry, fbt::vfs_write:entry
{
	self->t[L_VFS] = timestamp;
	self->saved = arg2;
	@files[xlate <file_i_t *>(args[0])->f_name, probefunc] = sum(arg2);
	@dirs[xlate <file_i_t *>(args[0])->f_dir] = count();
}
fbt::vfs_read:return, fbt::vfs_write:return
/self->t[L_VFS]/
{
	this->took = timestamp - self->t[L_VFS];
	self->req.r_wait[L_VFS] += this->took;
	@vfs[probefunc] = llquantize(this->took, 10, 2, 9, 10);
	@short[execname, probefunc] = sum((int64_t)arg1 < self->saved);
	self->t[L_VFS] = 0;
}
fbt::vfs_open:entry
{
	@inode[args[0]->dentry->d_inode->i_ino] = count();
	@kind[args[0]->dentry->d_inode->i_mode >> 12] = count();
}
fbt::ext4_*:entry, fbt::jbd2_*:entry
{
	@filesystem[probefunc] = count();
}
fbt::*page_cache*:entry, fbt::filemap_*:entry, fbt::*readahead*:entry
{
	@cache[probefunc, execname] = count();
}

/* Disks. */
io:::start
{
	started[args[0]->b_edev << 32 | args[0]->b_blkno] = timestamp;
	@disk[args[1]->dev_statname, side[!(args[0]->b_flags & B_READ)]] = sum(args[0]->b_bcount);
}
io:::done
/started[args[0]->b_edev << 32 | args[0]->b_blkno]/
{
	this->took = timestamp - started[args[0]->b_edev << 32 | args[0]->b_blkno];
	@disktime[args[1]->dev_statname] = quantize(this->took);
	started[args[0]->b_edev << 32 | args[0]->b_blkno] = 0;
}
fbt::blk_mq_*:entry, fbt::bio_*:entry
{
	@block[probefunc] = count();
}

/* Network. */
fbt::tcp_sendmsg:entry
{
	this->k = xlate <sock_i_t *>(args[0]);
	@sent[this->k->s_lport, this->k->s_dport] = sum(arg2);
	@buffers = lquantize(this->k->s_sndbuf, 0, 1048576, 32768);
}
fbt::tcp_rcv_established:entry
{
	@got[xlate <sock_i_t *>(args[0])->s_lport] = sum(xlate <pkt_i_t *>(args[1])->p_len);
	@state[xlate <sock_i_t *>(args[0])->s_state] = count();
}
fbt::*netif_receive_skb*:entry, fbt::dev_hard_start_xmit:entry
{
	@devices[probefunc] = count();
}
fbt::tcp_*:entry, fbt::udp_*:entry, fbt::ip_*:entry, fbt::inet_*:entry
{
	@net[probefunc] = count();
}
tcp:::send
{
	@tcp[args[2]->ip_saddr, args[2]->ip_daddr, args[4]->tcp_dport] = sum(args[4]->tcp_offset);
}
tcp:::receive
/args[4]->tcp_flags & TH_SYN/
{
	@syn[args[2]->ip_saddr] = count();
}

/* Processors. */
sched:::off-cpu
{
	self->t[L_SCHED] = timestamp;
	@switches[execname] = count();
	@next[execname, args[1]->pr_fname] = count();
}
sched:::on-cpu
/self->t[L_SCHED]/
{
	this->took = timestamp - self->t[L_SCHED];
	self->req.r_wait[L_SCHED] += this->took;
	@off[execname] = quantize(this->took);
	self->t[L_SCHED] = 0;
}
sched:::wakeup
{
	@wakes[execname, args[1]->pr_fname] = count();
}
proc:::exec-success
{
	names[pid] = execname;
	printf("%-8d %-16s %10d %10d  started by %s (%d), priority %d\n", pid, execname, me->t_switches, 0, me->t_parent,
	    me->t_ppid, me->t_prio);
}
proc:::exit
/names[pid] != NULL/
{
	printf("%-8d %-16s %10d %10d  ended: %s\n", pid, names[pid], self->req.r_calls, micros[timestamp - all.r_start],
	    strjoin(names[pid] == execname ? "" : "now ", execname));
	names[pid] = 0;
}

/* All functions of the kernel, for a thread whose request goes on for long. */
fbt:::entry
/self->traced && timestamp - self->req.r_start > slow/
{
	self->depth++;
	self->top.w_func = probefunc;
	self->top.w_time = timestamp;
	@deep[probefunc] = count();
}
fbt:::return
/self->depth/
{
	self->depth--;
	@within[probefunc] = sum(timestamp - self->top.w_time);
}
syscall:::return
/self->traced && timestamp - self->req.r_start > 10 * slow/
{
	too_slow++;
	self->req.r_last = timestamp;
	self->req.r_task = curthread;
	if (self->req.r_last - self->req.r_start > slowest.r_last - slowest.r_start) {
		slowest = self->req;
		printf("%-8d %-16s %10d %10d  %s in %s\n", pid, stringof(slowest.r_key.k_name), slowest.r_calls,
		    micros[slowest.r_last - slowest.r_start], side[slowest.r_key.k_write], self->top.w_func);
	}
	@slow[execname, stack(8)] = count();
	self->req = 0;
	self->traced = 0;
	self->depth = 0;
}
tick-10s
{
	trunc(@deep, 20);
	normalize(@files, 1024);
	printa("%-16s %-24s %@10d KiB\n", @files);
	printf("%d requests, %d too slow, %d lost\n", requests, too_slow, lost);
	clear(@files);
}
dtrace:::ERROR
{
	lost++;
	@faults[arg1, arg4] = count();
}
dtrace:::END
{
	printf("%d s\n", (timestamp - all.r_start) / 1000000000);
	printa("%-12s %-16s %-20s %@d\n", @calls);
	printa(@took);
	printa("%-16s %-20s %@10d us\n", @mean);
}
