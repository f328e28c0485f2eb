# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
"""D on real guests, kernels 6.1 and 6.12: types, arguments, variables of the kernel, user memory, faults, other machines'
memory; each answer is compared with what the guest itself says."""

import os
import re
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import Trace, dvirt, table  # noqa: E402


def run(guest, script, do=None, args=(), machines=None):
    with Trace(script, machines or [guest.name], args) as t:
        r = guest.check(do) if do else None
        out, err = t.stop()
    assert t.status == 0, err
    return out, err, r


def builtins(g):
    """pid, tid, ppid, uid, gid, execname, curthread and its members agree with each other and with the guest."""
    out, err, r = run(g, r"""
        syscall::getppid:entry /execname == "exercise"/ {
            printf("%d %d %d %d %d %s %s %d %d %d\n", pid, tid, ppid, uid, gid, execname, curthread->comm,
                curthread->tgid, curthread->real_parent->tgid, curthread->cred->uid.val);
        }""", "exercise getppid 3; echo parent $$")
    rows = [x.split() for x in out.splitlines() if " exercise " in x]
    assert len(rows) == 3, (out, err)
    for w in rows:
        assert int(w[0]) == r["pid"] and int(w[1]) == r["pid"] and w[5] == w[6] == "exercise", (w, r.out)
        assert w[0] == w[7] and w[2] == w[8] and w[3] == w[4] == w[9] == "0", w
    # Threads: one pid, several tids.
    out, err, r = run(g, 'syscall::getppid:entry /execname == "exercise"/ { @[pid, tid] = count(); }', "exercise threads 3 50")
    t = table(out)
    per = [v for k, v in t.items() if int(k[0]) == r["pid"]]
    assert sum(per) == r["total"] and per.count(50) == 3, (out, r.out)


def host_under(g):
    """The host's thread and CPU under a firing are those of QEMU's virtual CPU."""
    out, err, r = run(g, r"""
        syscall::getppid:entry /execname == "exercise"/ {
            printf("under %d %d %s %d %d\n", hosttid, hostcpu, guestname, guestvcpu, cpu);
        }""", "exercise getppid 3")
    rows = [x.split()[1:] for x in out.splitlines() if x.startswith("under ")]
    assert len(rows) == 3, (out, err)
    for w in rows:
        assert int(w[0]) != g.pid() and os.path.exists("/proc/%d/task/%s" % (g.pid(), w[0])), w
        assert 0 <= int(w[1]) < os.cpu_count() and w[2] == g.name and w[3] == w[4], w


def arguments(g):
    """fbt's typed arguments and return values; syscall's arguments; user memory. (Busybox' cat calls sendfile().)"""
    g.check("echo hello > /tmp/hello-file")
    out, err, r = run(g, r"""
        fbt::vfs_read:entry /execname == "head"/ {
            self->in = 1;
            printf("entry %s %d\n", stringof(args[0]->f_path.dentry->d_name.name), args[2]);
        }
        fbt::vfs_read:return /self->in/ { printf("return %d %d\n", args[1], arg1); self->in = 0; }
        syscall::openat:entry /execname == "head"/ { printf("open %s\n", copyinstr(arg1)); }
        syscall::write:entry /execname == "head"/ { printf("write %s", stringof(copyinstr(arg1, arg2 + 1))); }
        syscall::write:return /execname == "head"/ { printf("wrote %d\n", arg0); }
        """, "head /tmp/hello-file")
    assert "entry hello-file " in out and "return 6 6" in out, (out, err)
    assert "open /tmp/hello-file" in out and "write hello\n" in out and "wrote 6" in out, (out, err)
    assert "error" not in err, err


def kernel_variables(g):
    """Variables of the guest's kernel by name, read in its clauses and from the host."""
    out, err, r = run(g, r"""
        tick-100ms { printf("host %s %d\n", stringof(`linux_banner), `jiffies); }
        """.replace("`", g.name + "`vmlinux`"), "sleep 1")
    assert "host Linux version " + g.check("uname -r").out.strip() in out, (out, err)
    j = [int(x) for x in re.findall(r"^ (\d+)$", out, re.M)]  # the banner ends its line itself
    assert j and sorted(j) == j
    out, err, r = run(g, r"""
        syscall::getppid:entry /execname == "exercise" && !done/ {
            done = 1;
            printf("hz %d first %s pid %d\n", `jiffies > 0, stringof(`init_task.comm), (&`init_task)->pid);
            printf("size %d %d\n", sizeof(struct task_struct), sizeof(int));
        }""", "exercise getppid 1")
    assert "hz 1 first swapper/0 pid 0" in out or "hz 1 first swapper pid 0" in out, (out, err)
    size = int(re.search(r"size (\d+) 4", out).group(1))
    assert 2000 < size < 20000


def modules(g):
    """Functions and types of a loaded module."""
    status, out, err = dvirt("-M", g.name, "-l", "-n", "fbt:virtio_net::entry")
    assert status == 0 and "virtnet_poll" in out, (out, err)
    n = len([x for x in out.splitlines() if "virtio_net" in x])
    real = int(g.check("grep ' [tTwW] .*\\[virtio_net\\]' /proc/kallsyms | grep -vc __pfx_").out)
    assert n > 20 and abs(n - real) <= real // 4, (n, real)
    out, err, r = run(g, r"""
        fbt:virtio_net:start_xmit:entry { @[probemod, probefunc, stringof(args[1]->name)] = count(); }
        """, "ping -c 3 10.0.0.%d >/dev/null" % (2 if g.name == "web" else 1))
    t = table(out)
    assert any(k[:2] == ("virtio_net", "start_xmit") and k[2].startswith(("eth", "en")) and v >= 3 for k, v in t.items()), (out, err)


def entries_and_returns(g):
    """Every call is seen once, and every return."""
    n = 20000
    out, err, r = run(g, r"""
        syscall::read:entry /execname == "exercise"/ { @e = count(); }
        syscall::read:return /execname == "exercise"/ { @r = count(); @v[arg0] = count(); }
        fbt::vfs_read:entry /execname == "exercise"/ { @fe = count(); }
        fbt::vfs_read:return /execname == "exercise"/ { @fr = count(); @fv[args[1]] = count(); }
        END { printa("e %@d\n", @e); printa("r %@d\n", @r); printa("fe %@d\n", @fe); printa("fr %@d\n", @fr);
              printa("v %d %@d\n", @v); printa("fv %d %@d\n", @fv); }
        """, "exercise read %d" % n)
    t = table(out)
    assert t[("e",)] == t[("r",)] and t[("fe",)] == t[("fr",)], out
    assert n <= t[("v", "1")] <= n + 5 and n <= t[("fv", "1")] <= n + 5, out


def faults(g):
    """A bad address and a division by zero are errors of the clause: counted, told, and an ERROR probe."""
    out, err, r = run(g, r"""
        syscall::getppid:entry /execname == "exercise"/ { printf("before %d\n", *(int *)0x10); }
        syscall::getppid:entry /execname == "exercise"/ { this->zero = 0; trace(1 / this->zero); }
        syscall::getppid:entry /execname == "exercise"/ { printf("after\n"); }
        ERROR { printf("ERROR fault %d value 0x%x\n", arg4, arg5); }
        """, "exercise getppid 2")
    assert out.count("ERROR fault 1 value 0x10") == 2 and out.count("ERROR fault 4") == 2, (out, err)
    assert out.count("after") == 2 and "before" not in out, out
    assert re.search(r"error on enabled probe ID \d+ \(ID \d+: .*syscall:.*getppid:entry\): invalid address \(0x10\) in action #1", err), err
    assert "divide-by-zero in action #2" in err, err


def aggregations(g):
    out, err, r = run(g, r"""
        syscall::read:entry /execname == "exercise"/ { @q["size"] = quantize(arg2); @l = lquantize(arg2, 0, 10, 1);
            @a = avg(arg2); @mi = min(arg2); @ma = max(arg2); @s = sum(arg2); }
        """, "exercise read 100")
    assert "value  ------------- Distribution ------------- count" in out, out
    assert re.search(r"^ +1 \|@{20,40} +10\d", out, re.M), out


def libraries(g):
    """curpsinfo and its like, fds[], cwd; args[] presented by a declaration; what a translator reads agrees with the guest."""
    g.check("echo hello > /tmp/lib-file")
    out, err, r = run(g, r"""
        provider fbt { probe entry(struct file *f) : (fileinfo_t *f); };
        syscall::getppid:entry /execname == "exercise"/ {
            printf("ps %d %d %d %d %d %s %s %c %d %d\n", curpsinfo->pr_pid, curpsinfo->pr_ppid, curpsinfo->pr_uid,
                curpsinfo->pr_nlwp, curlwpsinfo->pr_lwpid, curpsinfo->pr_fname, curlwpsinfo->pr_clname,
                curlwpsinfo->pr_sname, curlwpsinfo->pr_onpro == cpu, curcpu->cpu_id == cpu);
            printf("args %s\n", curpsinfo->pr_psargs);
            printf("same %d %d %s\n", curpsinfo->pr_ppid == ppid, curpsinfo->pr_addr == (uint64_t)curthread, cwd);
            self->p = curpsinfo;
            init = xlate <psinfo_t *> (&`init_task);
        }
        syscall::getppid:return /self->p != NULL/ {
            printf("kept %d %s\n", self->p->pr_pid, init->pr_fname);
            print(*self->p);
            self->p = 0;
        }
        syscall::read:entry /execname == "head"/ {
            printf("fd %s %d %d\n", fds[arg0].fi_name, (fds[arg0].fi_oflags & O_ACCMODE) == O_RDONLY, fds[1000].fi_oflags);
        }
        fbt::vfs_read:entry /execname == "head"/ { printf("file %s %d\n", args[0]->fi_name, args[0]->fi_offset); }
        """, "exercise getppid 1; head -n 1 /tmp/lib-file")
    ps = re.search(r"^ps (.*)$", out, re.M)
    assert ps, (out, err)
    w = ps.group(1).split()
    assert int(w[0]) == int(w[4]) == r["pid"] and w[2] == "0" and w[3] == "1" and w[5] == "exercise", (w, r.out)
    assert w[6:] == ["TS", "O", "1", "1"], w
    assert "args exercise" in out and "same 1 1 " in out, (out, err)
    assert "kept %d swapper" % r["pid"] in out and ".pr_fname = (char [16])" in out, (out, err)
    assert "fd lib-file 1 0" in out and "file lib-file 0" in out, (out, err)
    assert "error" not in err, err


def structures(g):
    """Structures of the script's own, filled from the guest's kernel; if and else."""
    out, err, r = run(g, r"""
        enum { LAST = 3 };
        struct who { pid_t pid; char comm[16]; uint32_t uid:16, seen:4; struct task_struct *task; };
        struct who last, by[pid_t]; self struct who mine; uint64_t times[4];
        syscall::getppid:entry /execname == "exercise"/ {
            last.pid = pid; last.comm = execname; last.uid = uid + 77; last.task = curthread;
            times[++last.seen] = timestamp;
            by[pid] = last; self->mine = by[pid];
            this->id = curthread->cred->uid;
            this->list = curthread->tasks;
            if (last.seen == LAST)
                printf("who %d %s %d %d %d %d %d %d\n", self->mine.pid, self->mine.comm, self->mine.uid, self->mine.seen,
                    self->mine.task->tgid, this->id.val, this->list.next == curthread->tasks.next, times[3] > times[1]);
            else if (last.seen > LAST)
                printf("never\n");
        }
        """, "exercise getppid 3")
    assert "who %d exercise 77 3 %d 0 1 1\n" % (r["pid"], r["pid"]) in out and "never" not in out, (out, err)
    assert "error" not in err, err


with guestlib.Guests() as g:
    web = g.start("web")
    db = g.start("db", kernel="6.12", smp=2)
    g.wait(120)
    for guest in (web, db):
        for test in (builtins, host_under, arguments, kernel_variables, modules, entries_and_returns, faults, aggregations,
                     libraries, structures):
            test(guest)
            print("%s: %s" % (guest.name, test.__name__))

    # One guest's clause reads the other guest's memory.
    out, err, r = run(web, r"""
        web:syscall::getppid:entry /execname == "exercise"/ {
            printf("%s says of db %d %s\n", vmname, db`vmlinux`jiffies > 0, stringof(db`vmlinux`linux_banner));
        }""", "exercise getppid 1", machines=["web", "db"])
    assert "web says of db 1 Linux version 6.12" in out, (out, err)
    print("another machine's memory")

    # A pointer remembers its machine: of other kernel types it is refused, in so many words.
    with Trace(r"""
        web:syscall::getppid:entry /execname == "exercise"/ { task = curthread; printf("kept\n"); }
        db:syscall::getppid:entry /execname == "exercise" && task != 0/ { printf("%d\n", task->pid); }
        """, ["web", "db"]) as t:
        web.check("exercise getppid 1")
        db.check("exercise getppid 1")
        out, err = t.stop()
    assert "kept" in out and "other kernel types" in err, (out, err)
    print("a pointer of another machine")

    # Kernels of one build have the same types.
    twin = g.start("twin", kernel="6.12", ip=[], peer=[], run=[])
    twin.wait(120)
    with Trace(r"""
        twin:syscall::getppid:entry /execname == "exercise"/ { task = curthread; printf("is %d\n", task->tgid); }
        db:syscall::getppid:entry /execname == "exercise" && task != 0/ { printf("read %d\n", task->tgid); }
        """, ["db", "twin"]) as t:
        pid = twin.check("exercise getppid 1")["pid"]
        db.check("exercise getppid 1")
        out, err = t.stop()
    assert "is %d" % pid in out and "read " in out and "types" not in err, (out, err)
    print("a pointer of a machine with the same kernel")
