# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
"""D's subroutines and actions on real guests: what they say of the guest is what the guest says; a speculation that is
filled on one guest and committed on another; actions that a guest cannot have are refused."""

import os
import re
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import Trace, dvirt  # noqa: E402


def run(guest, script, do=None, options=()):
    with Trace(script, [guest.name], options) as t:
        r = guest.check(do) if do else None
        out, err = t.stop()
    assert t.status == 0, err
    return out, err, r


def names(g):
    """Paths and words: of an open file, of the running program, of a system call's argument."""
    g.check("mkdir -p /tmp/sub/dir && echo hello > /tmp/sub/dir/file")
    out, err, _ = run(g, r"""
        fbt::vfs_read:entry /execname == "head"/ { printf("file %s|\n", d_path(&args[0]->f_path)); }
        syscall::openat:entry /execname == "head"/ {
            this->p = copyinstr(arg1);
            printf("open %s|%s|%s|\n", basename(this->p), dirname(this->p), cleanpath(this->p));
            printf("args %s|cwd %s|root %s|\n", execargs, cwd, root);
            printf("up %s|%d|%s|\n", toupper(basename(this->p)), index(this->p, "dir"), strtok(this->p, "/"));
        }""", "cd /tmp/sub && env head -n 1 ./dir/../dir//file")
    assert "file /tmp/sub/dir/file|" in out, (out, err)
    assert "open file|./dir/../dir/|dir/file|" in out or "open file|./dir/../dir|dir/file|" in out, (out, err)
    assert "args head -n 1 ./dir/../dir//file|cwd /tmp/sub|root /|" in out, (out, err)
    assert "up FILE|2|.|" in out, (out, err)


def processes(g):
    """Who descends from whom; a kernel thread has no arguments."""
    out, err, r = run(g, r"""
        syscall::getppid:entry /execname == "exercise"/ {
            printf("%d %d %d %d\n", pid, progenyof(ppid), progenyof(1), progenyof(99999));
        }
        fbt::schedule:entry /pid && curthread->mm == NULL && !done/ { done = 1; printf("thread [%s]\n", execargs); }
        """, "exercise getppid 1; sleep 1")
    assert "%d 1 1 0" % r["pid"] in out, (out, err)
    assert "thread []" in out, (out, err)


def locks(g):
    """A mutex's owner is the task that holds it."""
    out, err, _ = run(g, r"""
        fbt::mutex_unlock:entry /execname == "exercise"/ {
            @[mutex_owned(args[0]), mutex_owner(args[0]) == curthread, mutex_type_adaptive(args[0])] = count();
        }
        fbt::up_read:entry /execname == "exercise"/ { @r[rw_read_held(args[0])] = count(); }
        END { printa("mutex %d %d %d %@d\n", @); printa("read %d %@d\n", @r); }
        """, "exercise read 200; exercise getppid 1")
    rows = re.findall(r"^mutex (\d) (\d) (\d) ", out, re.M)
    assert all(x == ("1", "1", "1") for x in rows), (out, err)
    assert all(x == "1" for x in re.findall(r"^read (\d) ", out, re.M)), (out, err)


def memory(g):
    """User memory into scratch memory and out of it, as bytes and as text."""
    g.check("echo hello world > /tmp/text")
    out, err, _ = run(g, r"""
        syscall::write:entry /execname == "head" && arg2 == 12/ {
            this->b = (char *)alloca(16);
            copyinto(arg1, 5, this->b);
            this->b[0] = 'J'; this->b[5] = 0;
            printf("%s %d\n", stringof(this->b), strlen(stringof(this->b)));
            tracemem(copyin(arg1, arg2), 12);
            @["w"] = llquantize(arg2, 10, 0, 2, 10);
        }""", "head -n 1 /tmp/text")
    assert "Jello 5" in out and "hello world." in out, (out, err)
    assert re.search(r"^ +12 \|", out, re.M) is None and re.search(r"^ +10 \|@{40} 1", out, re.M), (out, err)


def speculations(g):
    """A call's records are shown when it has failed, and only then."""
    out, err, _ = run(g, r"""
        syscall::openat:entry /execname == "cat"/ { self->s = speculation(); speculate(self->s);
            printf("open %s\n", copyinstr(arg1)); }
        fbt::do_sys_openat2:entry /self->s/ { speculate(self->s); printf("  inside\n"); }
        syscall::openat:return /self->s && (int)arg1 < 0/ { speculate(self->s); printf("  failed %d\n", errno); }
        syscall::openat:return /self->s && (int)arg1 < 0/ { commit(self->s); self->s = 0; }
        syscall::openat:return /self->s/ { discard(self->s); self->s = 0; }
        """, "cat /etc/passwd >/dev/null; cat /nowhere || true", options=("-x", "nspec=16"))
    rows = out.split("\n")
    i = rows.index("open /nowhere")
    assert rows[i + 1] == "  inside" and rows[i + 2] == "  failed 2", (out, err)
    assert "open /etc/passwd" not in out, (out, err)


def refusals(g):
    for script, text in (("raise(9)", "signals cannot be sent"), ("copyoutstr(\"x\", arg0, 1)", "not written"),
                         ("stop()", "signals cannot be sent"), ("panic()", "is not supported")):
        status, out, err = dvirt("-w", "-e", "-M", g.name, "-n", g.name + ":syscall::getppid:entry { %s; }" % script)
        assert status == 1 and text in err, (script, err)
    out, err, _ = run(g, r"""
        syscall::getppid:entry /execname == "exercise"/ { chill(1000000); printf("chilled\n"); system("echo by a shell"); }
        """, "exercise getppid 1", options=("-w",))
    assert "chilled" in out and "by a shell" in out, (out, err)


with guestlib.Guests() as g:
    web = g.start("web")
    db = g.start("db", kernel="6.12", smp=2)
    g.wait(120)
    for guest in (web, db):
        for test in (names, processes, locks, memory, speculations, refusals):
            test(guest)
            print("%s: %s" % (guest.name, test.__name__))

    # Filled on one guest, committed on the other: in the order of the commit.
    with Trace(r"""
        web:syscall::getppid:entry /execname == "exercise"/ { s = speculation(); }
        web:syscall::getppid:entry /execname == "exercise"/ { speculate(s); printf("%s %d\n", vmname, n++); }
        web:syscall::getppid:entry /execname == "exercise"/ { printf("web is there\n"); }
        db:syscall::getppid:entry /execname == "exercise"/ { speculate(s); printf("%s %d\n", vmname, n++); }
        db:syscall::getppid:entry /execname == "exercise"/ { commit(s); }
        db:syscall::getppid:entry /execname == "exercise"/ { printf("db is there\n"); }
        """, ["web", "db"]) as t:
        web.check("exercise getppid 1")
        db.check("exercise getppid 1")
        out, err = t.stop()
    assert [x for x in out.split("\n") if x] == ["web is there", "web 0", "db 1", "db is there"], (out, err)
    print("a speculation over two guests")
