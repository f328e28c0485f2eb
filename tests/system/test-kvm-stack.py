# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 1200
"""Stacks of guests under KVM, kernels 6.1 and 6.12 in one session: what the guest's own unwinder says of a task that sleeps;
known chains of functions; through interrupts; a program's."""

import os
import re
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import LabTrace, Parts, in_order, stacks  # noqa: E402

# A headline before each, so that it is known whose and what it is.
SCRIPT = r"""
fbt::vfs_read:entry /execname == "exercise" && !a[vmname]/
{ a[vmname] = 1; printf("%s entry: caller %a, depth %d\n", vmname, caller, stackdepth); stack(); }
fbt::vfs_read:entry /execname == "exercise" && !b[vmname]/ { b[vmname] = 1; printf("%s two:\n", vmname); stack(2); }
fbt::vfs_read:return /execname == "exercise" && !c[vmname]/ { c[vmname] = 1; printf("%s return:\n", vmname); stack(); }
fbt::vfs_read:entry /execname == "exercise" && !d[vmname]/
{ d[vmname] = 1; printf("%s program: depth %d\n", vmname, ustackdepth); ustack(); }
fbt::do_nanosleep:entry /execname == "sleep" && !e[vmname]/ { e[vmname] = 1; printf("%s sleep:\n", vmname); stack(); }
fbt::hrtimer_nanosleep:entry /execname == "sleep" && !f[vmname]/ { f[vmname] = 1; printf("%s sleep:\n", vmname); stack(); }
fbt::update_process_times:entry { @[vmname, stack(60)] = count(); }
END { printa("%s clock:\n%k%@d\n", @); }
"""
# A program that reads until its stack has a name, and one that sleeps.
READ = "exercise load 1 read >/dev/null 2>&1 & echo $! >/tmp/load"
SLEEP = "sleep 1000 >/dev/null 2>&1 & until grep -q nanosleep /proc/$!/stack; do usleep 50000; done; cat /proc/$!/stack; kill $!"


def of(out, guest, what):
    """Stacks of that guest under that headline."""
    out = re.sub(r"^(?=\w+`)", 14 * " ", out, flags=re.M)  # %k has them without
    sections = re.split(r"^(\w+ \w+:.*)$", out, flags=re.M)[1:]
    return [s for head, text in zip(sections[::2], sections[1::2]) if head.startswith("%s %s:" % (guest, what)) for s in stacks(text)]


def chains(out, guest):
    """From a function through the system call, at its entry and at its return; and the program's own."""
    system = (r"vmlinux`vfs_read", r"vmlinux`ksys_read", r"vmlinux`do_syscall_64", r"vmlinux`entry_SYSCALL_64_after_hwframe")
    (entry,), (return_,), (two,), (program,) = (of(out, guest, what) for what in ("entry", "return", "two", "program"))
    for s in (entry, return_):
        assert s[0] == system[0] and s[-1] == system[-1] and in_order(s, *system), s
    assert two == list(system[:2]), two
    assert re.search(r"^%s entry: caller vmlinux`ksys_read\+0x[0-9a-f]+, depth %d$" % (guest, len(entry)), out, re.M), out
    assert re.search(r"^%s program: depth %d$" % (guest, len(program)), out, re.M) and program[0].startswith("exercise`"), program


def same_as_the_guest(out, guest, theirs):
    """What the guest's own unwinder says of a program that sleeps, at the moment before: but for what is the scheduler's."""
    theirs = ["vmlinux`" + x for x in re.findall(r"^\[<0>\] (\S+?)\+0x", theirs, re.M)]
    ours = of(out, guest, "sleep")
    assert len(theirs) > 2 and len(ours) == 2, (ours, theirs)
    assert any(o == theirs[-len(o):] for o in ours), (ours, theirs)


def interrupts(out, guest):
    """The clock's, below it what was interrupted."""
    s = of(out, guest, "clock")
    clock = ("vmlinux`update_process_times", "vmlinux`sysvec_apic_timer_interrupt", "vmlinux`asm_sysvec_apic_timer_interrupt")
    assert s and all(in_order(x, *clock) for x in s), s
    # What it interrupted is chance: the system call, the program, or nothing's to do.
    assert any(in_order(x, clock[2], "vmlinux`entry_SYSCALL_64_after_hwframe|vmlinux`.*idle.*|vmlinux`.*halt.*") for x in s) or \
        any(x[-1] == clock[2] for x in s), s
    # The kernel's tables say nothing of the thunks that it makes indirect jumps with.
    ends = r"vmlinux`(__x86_indirect_thunk_|entry_|asm_|ret_from_fork|rest_init|arch_call_rest_init|start_kernel|x86_64_start|secondary_startup|common_startup|start_secondary).*"
    assert all(re.fullmatch(ends, x[-1]) for x in s), [x for x in s if not re.fullmatch(ends, x[-1])]


with guestlib.Guests() as g:
    parts = Parts()
    guests = ("web", "db")
    lab = g.lab("lab", kvm=True, inner=["web:6.1", "db:6.12"])
    lab.wait(400)
    lab.wait_inner(*guests)
    parts.done("boot")
    theirs = {}
    with LabTrace(lab, SCRIPT, guests, ["-x", "maxload=100"], timeout=300) as t:
        for guest in guests:
            lab.check_inner(READ, guest)
            t.expect("%s program:" % guest)
            theirs[guest] = lab.check_inner(SLEEP, guest).out
            lab.check_inner("kill $(cat /tmp/load)", guest)
        out, err = t.stop(timeout=200)
    parts.done("trace")
    print(out)
    assert t.status == 0 and "error" not in err and "lost" not in err, err
    for guest in guests:
        chains(out, guest)
        same_as_the_guest(out, guest, theirs[guest])
        interrupts(out, guest)
