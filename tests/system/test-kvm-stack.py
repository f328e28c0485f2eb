# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 1500
"""Stacks of guests under KVM, kernels 6.1 and 6.12: what the guest's own unwinder says of a task that sleeps; known chains
of functions; through interrupts; a program's."""

import os
import re
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import LabTrace  # noqa: E402


def stacks(out):
    """Lists of frames, as `module`function` without offsets: indented lines that follow one another."""
    all_, cur = [], []
    for line in out.splitlines() + [""]:
        if re.match(r" {14}\S", line):
            cur.append(re.sub(r"\+0x[0-9a-f]+$", "", line.strip()))
        elif cur:
            all_.append(cur)
            cur = []
    return all_


def run(lab, guest, script, do):
    with LabTrace(lab, script, [guest], timeout=300) as t:
        r = lab.inner(do, guest)
        out, err = t.stop()
    assert t.status == 0 and "error" not in err and "lost" not in err, err
    return out, r.out


def in_order(stack, *names):
    """Does the stack have these frames, in this order?"""
    i = 0
    for f in stack:
        if i < len(names) and re.fullmatch(names[i], f):
            i += 1
    return i == len(names)


def chains(lab, guest):
    """From a function through the system call, at its entry and at its return; and the program's own."""
    system = (r"vmlinux`ksys_read", r"vmlinux`do_syscall_64", r"vmlinux`entry_SYSCALL_64_after_hwframe")
    out, r = run(lab, guest, r"""
        fbt::vfs_read:entry /execname == "exercise" && !a/ { a = 1; stack(); printf("caller %a depth %d\n", caller, stackdepth); }
        fbt::vfs_read:return /execname == "exercise" && !b/ { b = 1; stack(); }
        fbt::vfs_read:entry /execname == "exercise" && !c/ { c = 1; stack(2); printf("user %d\n", ustackdepth); ustack(1); }
        """, "exercise read 3")
    s = stacks(out)
    full = [x for x in s if x[0] == "vmlinux`vfs_read" and len(x) > 2]
    assert len(full) == 2 and all(in_order(x, r"vmlinux`vfs_read", *system) for x in full), out
    assert all(x[-1] == "vmlinux`entry_SYSCALL_64_after_hwframe" for x in full), out
    assert ["vmlinux`vfs_read", "vmlinux`ksys_read"] in s, out
    assert re.search(r"caller vmlinux`ksys_read\+0x[0-9a-f]+ depth %d$" % len(full[0]), out, re.M), out
    assert re.search(r"^user [1-9]", out, re.M) and any(len(x) == 1 and re.match("exercise`|0x", x[0]) for x in s), out  # it ends soon: names may come too late


def same_as_the_guest(lab, guest):
    """What the guest's own unwinder says of a program that sleeps, at the moment before: but for what is the scheduler's."""
    out, r = run(lab, guest, r"""
        fbt::do_nanosleep:entry /execname == "sleep" && !done/ { done = 1; stack(); }
        fbt::hrtimer_nanosleep:entry /execname == "sleep" && !more/ { more = 1; stack(); }
        """, "sleep 30 & sleep 3; cat /proc/$!/stack; kill $!")
    theirs = ["vmlinux`" + x for x in re.findall(r"^\[<0>\] (\S+?)\+0x", r, re.M)]
    ours = stacks(out)
    assert len(theirs) > 2 and len(ours) == 2, (out, r)
    assert any(o == theirs[-len(o):] for o in ours), (ours, theirs)


def interrupts(lab, guest):
    """The clock's, below it what was interrupted."""
    out, r = run(lab, guest, "fbt::update_process_times:entry { @[stack(60)] = count(); }", "exercise read 20000; sleep 1")
    s = stacks(out)
    clock = ("vmlinux`update_process_times", "vmlinux`sysvec_apic_timer_interrupt", "vmlinux`asm_sysvec_apic_timer_interrupt")
    assert s and all(in_order(x, *clock) for x in s), out
    # What it interrupted is chance: the system call, or nothing's to do.
    assert any(in_order(x, clock[2], "vmlinux`entry_SYSCALL_64_after_hwframe|vmlinux`.*idle.*|vmlinux`.*halt.*") for x in s) or \
        any(x[-1] == clock[2] for x in s), out
    ends = r"vmlinux`(entry_|asm_|ret_from_fork|rest_init|arch_call_rest_init|start_kernel|x86_64_start|secondary_startup|common_startup|start_secondary).*"
    assert all(re.fullmatch(ends, x[-1]) for x in s), [x for x in s if not re.fullmatch(ends, x[-1])]


for kernel in os.environ.get("DVIRT_LAB_INNER", "6.1").split():
    with guestlib.Guests() as g:
        lab = g.lab("lab", kvm=True, inner=["web:" + kernel])
        lab.wait(400)
        lab.inner("true", "web", 600)
        # The others, for which a machine must be quick: DVIRT_KVM_ALL=1.
        for part in (chains, same_as_the_guest, interrupts) if os.environ.get("DVIRT_KVM_ALL") else (chains,):
            part(lab, "web")
            print(kernel, part.__name__, flush=True)
