# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
"""The laboratories: dvirt runs in them, their kernels have what this machine's may lack, and a KVM guest runs in one of them."""

import os
import re
import subprocess
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import LabTrace, table  # noqa: E402

BUILD, TOP = os.environ["DVIRT_BUILD"], os.environ["DVIRT_TOP"]
STATE = [os.path.join(BUILD, "tests", "state", f) for f in ("test_state_bpf", "calls.bpf.o")]


def basics(lab, kernel):
    assert lab.check("uname -r").out.startswith(kernel + "."), kernel
    r = lab.run("echo out; echo err >&2; exit 7")
    assert (r.status, r.out, r.err) == (7, "out\n", "err\n"), (r.status, r.out, r.err)
    assert "D 2.0" in lab.check("dvirt -V").out
    lab.run("dvirt ps")
    r = lab.check("dvirt -qn 'BEGIN { printf(\"%d\\n\", 6 * 7); exit(0); }'", timeout=60)
    assert r.out == "42\n\n", (r.out, r.err)
    assert int(lab.check("cat /sys/kernel/btf/vmlinux | wc -c").out) > 1 << 20
    lab.check("bpftool btf list >/dev/null")
    mounted = lab.check("cut -d' ' -f2 /proc/mounts").out.split()
    assert {"/proc", "/sys", "/sys/kernel/tracing", "/sys/kernel/debug", "/sys/fs/bpf"} <= set(mounted), mounted
    lab.put("/tmp/x/put", "a\n'b' $c\n" * 20000)
    assert lab.check("sort /tmp/x/put | uniq -c | awk '{ print $1 }'").out == "20000\n20000\n"


def kprobe(lab):
    """By hand, through tracefs: the count is exact."""
    lab.check("cd /sys/kernel/tracing; echo 'p:lab/getppid __x64_sys_getppid' >kprobe_events; echo 1 >events/lab/getppid/enable")
    lab.check("exercise getppid 1000")
    hits = lab.check("cat /sys/kernel/tracing/kprobe_profile").out.split()
    lab.check("cd /sys/kernel/tracing; echo 0 >events/lab/getppid/enable; echo >kprobe_events")
    assert hits[0] == "getppid" and int(hits[1]) >= 1000, hits


def destructive(lab):
    """Clauses on the host that write into a process's memory, and send it a signal."""
    lab.check("echo one >/tmp/one; echo two >/tmp/two")
    with LabTrace(lab, r"""
        syscall::openat:entry /execname == "cat" && copyinstr(arg1) == "/tmp/one"/ { copyoutstr("/tmp/two", arg1, 9); n++; }
        syscall::getppid:entry /execname == "exercise"/ { raise(10); }
        END { printf("n %d\n", n); }""", args=["-w"], timeout=150) as t:
        assert lab.check("env cat /tmp/one").out == "two\n"
        assert lab.run("exercise getppid 1").status == 128 + 10
        out, err = t.stop()
    assert t.status == 0 and table(out)[("n",)] == 1, (out, err)


def kvm(lab):
    r = lab.inner("uname -r; echo err >&2; exit 3")
    assert r.status == 3 and r.out.startswith("6.12.") and r.err == "err\n", (r.status, r.out, r.err)
    assert lab.check("ls /sys/kernel/btf/kvm /sys/kernel/btf/kvm_amd").status == 0
    lab.check("cd /sys/kernel/tracing; echo 1 >events/kvm/kvm_exit/enable")
    r = lab.inner("exercise getppid 1000; cat /proc/uptime >/dev/null; sleep 0.2")
    assert r["getppid"] == 1000, r.out
    lab.check("cd /sys/kernel/tracing; echo 0 >events/kvm/kvm_exit/enable")
    n = int(lab.check("grep -c kvm_exit: /sys/kernel/tracing/trace").out)
    assert n > 10, n
    # A workload in the inner guest and dvirt in the laboratory, at once.
    lab.check("inner inner run 'exercise load 1' >/tmp/load 2>&1 & echo $! >/tmp/load.pid")
    with LabTrace(lab, 'BEGIN { x = 40; } tick-100ms { x++; } END { printf("x %d\\n", x > 40); }') as t:
        out, err = t.stop()
    assert t.status == 0 and table(out)[("x",)] == 1, (out, err)
    assert lab.inner("pidof exercise").status == 0
    lab.check("kill $(cat /tmp/load.pid)")
    lab.inner("for i in $(seq 50); do pidof exercise >/dev/null || exit 0; usleep 100000; done; exit 1")
    lab.check("inner inner stop")
    assert lab.run("inner inner pid").status == 1
    assert "no kernel" in lab.run("inner other start 9.9").err


with guestlib.Guests() as g:
    both = g.lab("lab-kvm", kvm=True, inner=["inner:6.12"])
    new = g.lab("lab-new", kernel="6.12", smp=2)
    g.wait(180)
    basics(new, "6.12")
    kprobe(new)
    new.stop()

    # What this machine's verifier accepts, the oldest kernel's must too. It takes its time.
    state = os.path.exists(STATE[0])
    old = g.lab("lab-old", files=STATE if state else [])
    old.wait()
    if state:
        old.check("{ %s 20; echo $? >/tmp/status; } >/tmp/state.log 2>&1 &" % " ".join(STATE))
    kvm(both)
    both.stop()
    basics(old, "6.1")
    kprobe(old)
    destructive(old)
    if state:
        old.check("for i in $(seq 3000); do [ -s /tmp/status ] && break; usleep 100000; done", timeout=310)
        print(old.check("cat /tmp/state.log; exit $(cat /tmp/status)").out)
    else:
        print("the state functions are not built for BPF")

# The command: status, output, and nothing left.
lab = [os.path.join(TOP, "scripts", "lab")]
r = subprocess.run(lab + ["host", "--kernel", "6.12", "--file", __file__ + ":/tmp/this.py", "wc", "-l", "</tmp/this.py;", "exit", "9"],
                   stdout=subprocess.PIPE, text=True)
assert r.returncode == 9 and int(r.stdout) == len(open(__file__).readlines()), r
assert not [n for n in os.listdir(os.environ["DVIRT_RUN"]) if re.match(r"lab-\d", n)]
assert not guestlib.running()
for bad in (["host"], ["kvm", "--inner", "bad/name", "true"], ["host", "--file", "/no/such", "true"], ["host", "--tool", "gdb", "true"],
            ["host", "--inner", "a", "true"], ["nowhere", "true"]):
    r = subprocess.run(lab + bad, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert r.returncode in (1, 2) and r.stderr and "Traceback" not in r.stderr, (bad, r)
print("laboratories work")
