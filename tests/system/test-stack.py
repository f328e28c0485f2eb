# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
"""Stacks of guests, kernels 6.1 and 6.12: known chains of functions in the kernel, through interrupts and a module; the
frames of a program of our own, named by its file below -x sysroot, by what its memory has, or not at all."""

import base64
import os
import re
import subprocess
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import Trace, in_order, stacks  # noqa: E402

TMP = os.environ["DVIRT_TMP"]
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static volatile long n;
__attribute__((noinline)) void inner(void) {
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "0"(110L) : "rcx", "r11", "memory"); /* getppid */
    n += r;
}
__attribute__((noinline)) void outer(long times) { while (times--) inner(); n++; }
int main(int argc, char **argv) { outer(atol(argv[1])); n++; printf("pid %d\n", getpid()); sleep(1); return 0; }
"""


def run(g, script, do, args=()):
    with Trace(script, [g.name], args) as t:
        r = g.check(do)
        out, err = t.stop()
    assert t.status == 0 and "error" not in err, err
    return out, r


def kernel_chains(g):
    """From a function through the system call; at its entry, at its return, and where the call returns."""
    system = (r"vmlinux`ksys_read", r"vmlinux`do_syscall_64", r"vmlinux`entry_SYSCALL_64_after_hwframe")
    out, r = run(g, r"""
        fbt::vfs_read:entry /execname == "exercise" && !a/ { a = 1; stack(); }
        fbt::vfs_read:return /execname == "exercise" && !b/ { b = 1; stack(); }
        syscall::read:entry /execname == "exercise" && !c/ { c = 1; stack(); }
        syscall::read:return /execname == "exercise" && !d/ { d = 1; stack(); printf("caller %a\n", caller); }
        fbt::vfs_read:entry /execname == "exercise" && !e/ { e = 1; stack(2); printf("depth %d\n", stackdepth); }
        """, "exercise read 3")
    s = stacks(out)
    assert len(s) == 5, out
    full = [x for x in s if x[0] == "vmlinux`vfs_read" and len(x) > 2]
    assert len(full) == 2 and all(in_order(x, r"vmlinux`vfs_read", *system) for x in full), s
    # Nothing is called by the system call's entry: there the kernel's stack ends.
    assert all(x[-1] == "vmlinux`entry_SYSCALL_64_after_hwframe" for x in s if len(x) > 2), s
    assert ["vmlinux`do_syscall_64", "vmlinux`entry_SYSCALL_64_after_hwframe"] in s, s
    assert any(x[0] == "vmlinux`__x64_sys_read" and in_order(x, *system[1:]) for x in s), s
    assert ["vmlinux`vfs_read", "vmlinux`ksys_read"] in s, s
    assert "depth %d" % len(full[0]) in out, out
    assert re.search(r"caller vmlinux`entry_SYSCALL_64_after_hwframe\+0x", out), out


def same_as_the_guest(g):
    """What the guest's own unwinder says of a program that sleeps, at the moment before: but for what is the scheduler's."""
    out, r = run(g, r"""
        fbt::do_nanosleep:entry /execname == "sleep" && !done/ { done = 1; stack(); }
        fbt::hrtimer_nanosleep:entry /execname == "sleep" && !more/ { more = 1; stack(); }
        """, "sleep 2 & sleep 1; cat /proc/$!/stack; wait")
    theirs = ["vmlinux`" + x for x in re.findall(r"^\[<0>\] (\S+?)\+0x", r.out, re.M)]
    ours = stacks(out)
    assert len(theirs) > 2 and len(ours) == 2, (out, r.out)
    assert any(o == theirs[-len(o):] for o in ours), (ours, theirs)


def interrupts(g):
    """A module's function in a soft interrupt, below it the interrupt, below that what was interrupted."""
    out, r = run(g, "fbt:virtio_net:virtnet_poll:entry { @[stack(40)] = count(); }",
                 "ping -c 3 -i 0.2 %s >/dev/null" % ("10.0.0.2" if g.name == "web" else "10.0.0.1"))
    s = stacks(out)
    assert s and all(in_order(x, "virtio_net`virtnet_poll", "vmlinux`__napi_poll", "vmlinux`net_rx_action") for x in s), out
    # Which interrupt it was, and what it interrupted, is chance.
    assert any(in_order(x, "virtio_net`virtnet_poll", "vmlinux`(common_interrupt|sysvec_.*)", "vmlinux`asm_.*",
                        "vmlinux`(.*(idle|halt).*|do_syscall_64)", "vmlinux`(cpu_startup_entry|entry_SYSCALL_64_after_hwframe)") or
               in_order(x, "virtio_net`virtnet_poll", "vmlinux`do_softirq.*", "vmlinux`entry_SYSCALL_64_after_hwframe")
               for x in s), out
    # Every stack ends at a place where a kernel's stack can begin.
    ends = r"vmlinux`(entry_|asm_|ret_from_fork|rest_init|secondary_startup|common_startup|start_secondary).*"
    assert all(re.fullmatch(ends, x[-1]) for x in s), [x for x in s if not re.fullmatch(ends, x[-1])]


def names(g):
    """sym(), func(), mod(), %a; different addresses of one function are one key."""
    out, r = run(g, r"""
        syscall::getppid:entry /execname == "exercise"/ { @f[func(caller)] = count(); @m[mod(caller)] = count(); }
        fbt::ksys_read:entry, fbt::vfs_read:entry /execname == "exercise"/ { @s[sym(caller)] = count(); }
        END { printa("f %a %@d\n", @f); printa("m %a %@d\n", @m); printa(@s); }
        """, "exercise getppid 5; exercise read 5")
    assert re.search(r"^f vmlinux`\w+ \d+$", out, re.M) and re.search(r"^m vmlinux \d+$", out, re.M), out
    assert re.search(r"^  vmlinux`ksys_read  +\d+$", out, re.M), out


def build(name, *flags):
    src = os.path.join(TMP, "stk.c")
    with open(src, "w") as f:
        f.write(PROGRAM)
    path = os.path.join(TMP, "root", "tmp", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(["cc", "-O0", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", "-o", path, src] + list(flags), check=True)
    return path


def send(g, path, to):
    subprocess.run(["strip", "-o", path + ".small", path], check=True)
    with open(path + ".small", "rb") as f:
        text = base64.b64encode(f.read()).decode()
    os.unlink(path + ".small")
    g.check("rm -f %s.b64" % to)
    for i in range(0, len(text), 2000):
        g.check("echo %s >> %s.b64" % (text[i:i + 2000], to))
    g.check("base64 -d %s.b64 > %s && chmod +x %s" % (to, to, to))


def programs(g):
    """A program's stack: its frames by name where its file is at hand, else by what its memory has, else by object. (It
    lives until it has been looked at: of one that is gone by then addresses are numbers.)"""
    plain, exported = build("stk"), build("stkx", "-rdynamic")
    send(g, plain, "/tmp/stk")
    send(g, exported, "/tmp/stkx")
    script = r"""
        syscall::getppid:entry /execname == "NAME" && !a/ { a = 1; ustack(); printf("depth %d, caller %A, pid %d\n",
            ustackdepth, ucaller, pid); }
        syscall::getppid:entry /execname == "NAME"/ { @s[ustack(3)] = count(); @u[usym(ucaller)] = count();
            @m[umod(ucaller)] = count(); }
        END { printa("%k%@d\n", @s); printa(@u); printa(@m); }
        """
    for name, root in (("stk", True), ("stkx", False), ("stk", False)):
        args = ["-x", "sysroot=" + os.path.join(TMP, "root")] if root else []
        out, r = run(g, script.replace("NAME", name), "/tmp/%s 7" % name, args)
        s = stacks(out)[0]
        if root or name == "stkx":
            want = ["%s`%s" % (name, f) for f in ("inner", "outer", "main")]
            assert s[:3] == want, (root, out)
            assert re.search(r"caller %s`outer\+0x[0-9a-f]+, pid %d" % (name, r["pid"]), out), out
            assert re.search(r"^  %s`outer +7$" % name, out, re.M), out
        else:
            assert all(re.fullmatch("stk`0x[0-9a-f]+", x) for x in s[:3]), out
        assert re.search(r"^  %s +7$" % name, out, re.M), out
        # Behind main is what the C library calls it from.
        assert re.match("libc", s[3]) and "depth %d" % len(s) in out, out
        # At the end, when the process is gone, its names are still known.
        assert re.search(r"^%s\+0x\S+$\n^%s\+0x\S+$\n^%s\+0x\S+$\n7$" % tuple(map(re.escape, s[:3])), out, re.M) \
            or name == "stk" and not root, out
    # Another file under that name is not believed.
    with open(os.path.join(TMP, "root", "tmp", "stk"), "wb") as f:
        f.write(open(exported, "rb").read())
    with Trace(script.replace("NAME", "stk"), [g.name], ["-x", "sysroot=" + os.path.join(TMP, "root")]) as t:
        g.check("/tmp/stk 3")
        out, err = t.stop()
    assert "is not the file that the guest runs" in err and re.match("stk`0x", stacks(out)[0][0]), (out, err)
    # A thread of the kernel has no user stack; an integer has no process.
    out, r = run(g, r"""fbt::kthread_should_stop:entry, fbt::__schedule:entry /pid == 2 || ppid == 2/ { @[ustackdepth] = count(); }""",
                 "sleep 0.5")
    assert [x.split()[0] for x in out.splitlines() if x.split()] in ([], ["0"]), out


with guestlib.Guests() as gs:
    machines = [gs.start("web", kernel="6.1", smp=2), gs.start("db", kernel="6.12", smp=2)]
    for g in machines:
        g.wait(120)
    for g in machines:
        for part in (kernel_chains, same_as_the_guest, interrupts, names, programs):
            part(g)
            print(g.name, part.__name__, flush=True)
