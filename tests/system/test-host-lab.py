# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
"""The host's kernel where it is Debian's 6.1 and 6.12: functions by every mechanism that they have, and in 6.1, whose verifier
is the strictest, the whole corpus of D scripts, and stacks of a KVM guest that a test plays."""

import os
import re
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import LabTrace, table  # noqa: E402

BUILD, TOP = os.environ["DVIRT_BUILD"], os.environ["DVIRT_TOP"]
CORPUS = os.path.join(BUILD, "tests", "code", "corpus_kernel")
STACK = os.path.join(BUILD, "tests", "machine", "test_guest_stack")
N = 1000

# One function: a trampoline. Many: kprobe.multi, or a kprobe for each. Each sees every call, with its arguments.
SCRIPT = """
host:fbt::__x64_sys_getppid:entry /execname == "exercise"/ { @one["entry"] = count(); }
host:fbt::__x64_sys_getppid:return /execname == "exercise"/ { @one["return"] = count(); @pid[arg1 > 0 ? "positive" : "odd"] = count(); }
host:fbt::vfs_read:entry /execname == "exercise"/ { self->count = args[2]; @bytes["read"] = sum(args[2]); }
host:fbt::vfs_read:return /self->count/ { @bytes["got"] = sum(arg1); self->count = 0; }
host:fbt::vfs_*:entry /execname == "exercise" && probefunc == "vfs_read"/ { @one["many"] = count(); }
host:sched:::on-cpu /execname == "exercise"/ { @one["on-cpu"] = count(); }
host:syscall::getppid:return /execname == "exercise"/ { @one["syscall"] = count(); @st[stack(3)] = count(); }
host:profile:::profile-97 { @one["profile"] = count(); }
"""


def functions(lab, kernel):
    assert re.search(r"^host .* ready .*fbt", lab.check("dvirt ps").out, re.M), lab.check("dvirt ps -v").out
    with LabTrace(lab, SCRIPT, timeout=180) as t:
        lab.check("exercise getppid %d; exercise read %d; exercise turns 100" % (N, N))
        out, err = t.stop()
    rows = {k[0]: v for k, v in table(out).items() if len(k) == 1}
    assert t.status == 0, (out, err)
    for what in ("entry", "return", "syscall", "positive"):
        assert rows[what] == N, (kernel, what, out, err)
    assert rows.get("on-cpu", 0) > 10, (kernel, out, err)  # a function too, of a stable probe; threads that take turns sleep
    assert rows["many"] >= N and rows["read"] >= N and rows["got"] >= N, (kernel, out, err)
    assert rows["profile"] > 0 and "do_syscall_64" in out, (kernel, out, err)
    assert "lost" not in err and "drops" not in err, err
    # Nothing stays in the kernel.
    assert "dvirt" not in lab.check("bpftool prog show; bpftool map show").out
    print("functions on %s" % kernel)


with guestlib.Guests() as g:
    files = [CORPUS + ":/corpus_kernel", STACK + ":/guest_stack", os.path.join(TOP, "tests", "code", "d") + ":/corpus"] if os.path.exists(CORPUS) else []
    old = g.lab("lab-old", files=files)
    new = g.lab("lab-new", kernel="6.12", smp=2)
    g.wait(180)
    functions(new, "6.12")
    new.stop()
    functions(old, "6.1")
    if files:
        r = old.run("cd /corpus && /corpus_kernel -k *.d >/tmp/corpus.log 2>&1; s=$?; tail -n 40 /tmp/corpus.log; exit $s", timeout=400)
        assert r.status == 0 and re.search(r"^\d+ scripts, 0 failed", r.out, re.M), r.out
        print(r.out.splitlines()[-1])
        print(old.check("/guest_stack 2>&1", timeout=400).out)
    else:
        print("the corpus is not built for BPF")
