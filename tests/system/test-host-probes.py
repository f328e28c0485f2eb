# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 120
# alone
"""The host's own probes on the kernel that this runs on: system calls, tracepoints, timers, and the stable ones that
stand on tracepoints, each compared with what was done. Other processes may be busy meanwhile."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import Trace, dvirt, table  # noqa: E402

status, out, err = dvirt("ps")
if not re.search(r"^host +ebpf +ready", out, re.M):
    print("skipped: the host cannot be traced here: %s" % (err or out).strip().splitlines()[-1])
    sys.exit(77)
CAN = re.search(r"^host .* (\S+)$", out, re.M).group(1).split(",")


def run(script, *argv):
    with Trace(script, ["host"]) as t:
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = t.stop()
    assert t.status == 0 and "error" not in err, err
    return out.splitlines(), p


def syscalls():
    """Each call once at its entry and once at its return, with its arguments."""
    out, p = run("""
        syscall::getppid:entry, syscall::getppid:return /execname == "dvirt-host-test"/ { @n[probefunc, probename] = count(); }
        syscall::openat:entry /execname == "dvirt-host-test"/ { printf("open %s\\n", copyinstr(arg1)); }
        syscall::getppid:entry /execname == "dvirt-host-test" && !seen++/ { printf("pc %d sp %d\\n", uregs[R_PC] > 4096, uregs[R_SP] > uregs[R_PC]); }
        syscall::openat:entry /execname == "dvirt-host-test"/ { @same[uregs[R_RSI] == arg1, rdi == uregs[R_EDI]] = count(); }
        """, sys.executable, "-c", """
import ctypes, os
ctypes.CDLL(None).prctl(15, b"dvirt-host-test", 0, 0, 0)
for i in range(500):
    os.getppid()
try:
    os.open("/nonexistent/dvirt", 0)
except OSError:
    pass""")
    n = table("\n".join(out))
    assert n["getppid", "entry"] == n["getppid", "return"] == 500, out
    assert "open /nonexistent/dvirt" in out and "pc 1 sp 1" in out, out
    assert list(k for k in n if len(k) == 2 and k[0] in "01") == [("1", "1")], out


def tracepoints():
    out, p = run("""
        rawtp:::sched_switch { @n["raw"] = count(); @none[1] = max(arg9); } sdt:sched::sched_switch { @n["sdt"] = count(); }
        sched:::off-cpu { @n["off"] = count(); @c[args[1]->pr_fname] = count(); }
        sched:::sleep { @n["sleep"] = count(); } sched:::preempt { @n["preempt"] = count(); }
        sched:::wakeup /args[1]->pr_fname == "sleep"/ { @n["wakeup"] = count(); }
        """, "sh", "-c", "for i in 1 2 3 4 5; do sleep 0.05; done")
    n = {k[0]: v for k, v in table("\n".join(out)).items()}
    assert n["raw"] > 10 and abs(n["raw"] - n["sdt"]) <= 20 and abs(n["raw"] - n["off"]) <= 20, n
    assert n["sleep"] + n.get("preempt", 0) <= n["off"] + 20 and n["wakeup"] >= 5, n


def timers():
    """On every CPU. All are kept busy: a kernel may let the clock of an idle one stand still, for perf too."""
    cpus = os.sched_getaffinity(0)
    out, p = run("profile:::profile-97 { @n[cpu] = count(); } profile:::profile-97 /arg0 && arg1/ { @both = count(); }",
                 "sh", "-c", "for c in %s; do taskset -c $c timeout 1 sh -c 'while :; do :; done' & done; wait" %
                 " ".join(str(c) for c in cpus))
    n = {int(k[0]): v for k, v in table("\n".join(out)).items() if len(k) == 1}
    # A virtual machine's CPUs may be taken away for a while, and starting and stopping take time too.
    assert cpus <= set(n) and all(60 <= n[c] <= 400 for c in cpus), (cpus, out)
    assert not any(re.match(r" +\d+$", x) for x in out), out


def stacks():
    """A timer's stack begins where the timer found the kernel, also behind a tracepoint's on the same CPU."""
    out, p = run("""
        rawtp:::sched_switch { @depth = max(stackdepth); }
        profile:::profile-997 /arg0/ { @[func(arg0), stack(1)] = count(); }""",
                 "sh", "-c", "for i in $(seq 200); do true & wait; ls / > /dev/null; done")
    pairs = re.findall(r"^  vmlinux`(\S+) *\n +vmlinux`([^+\s]+)", "\n".join(out), re.M)
    assert len(pairs) > 5 and all(a == b for a, b in pairs), out


def processes():
    """A program that ends by itself, one that is killed, one that handles a signal."""
    out, p = run("""
        proc:::create { printf("create %d by %d\\n", args[0]->pr_pid, pid); }
        proc:::exec-success { printf("success %d %s\\n", pid, execname); }
        proc:::exit { printf("exit %d %d\\n", pid, args[0]); }
        proc:::lwp-exit { printf("lwp-exit %d of %d\\n", tid, pid); }
        proc:::signal-send { printf("send %d to %d\\n", args[2], args[1]->pr_pid); }
        proc:::signal-handle /args[0] == 10/ { printf("handle %d by %d\\n", args[0], pid); }
        """, "sh", "-c", """
        env true & echo true $!; wait $!
        sleep 60 & echo killed $!; kill -9 $!; wait $!
        sh -c 'trap : USR1; kill -USR1 $$; echo usr1 $$; true'
        echo self $$""")
    pid = {w: re.search(w + r" (\d+)", p.stdout).group(1) for w in ("true", "killed", "usr1", "self")}
    for line in ("create %(true)s by %(self)s", "success %(true)s true", "exit %(true)s 1", "lwp-exit %(true)s of %(true)s",
                 "send 9 to %(killed)s", "exit %(killed)s 2", "send 10 to %(usr1)s", "handle 10 by %(usr1)s"):
        assert line % pid in out, (line % pid, out)


def reasons():
    if "fbt" in CAN:
        return
    for what in ("fbt::vfs_read:entry", "sched:::enqueue"):
        status, out, err = dvirt("-M", "host", "-e", "-n", what)
        assert status and "on host" in err and "functions cannot be probed" in err, err


for test in (syscalls, tracepoints, timers, stacks, processes, reasons):
    test()
    print(test.__name__)
