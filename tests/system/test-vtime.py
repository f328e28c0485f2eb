# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 300
"""vtimestamp: what a thread has run by itself. In a guest, alone, beside another of its threads, beside a busy program of
the host on the CPU that the virtual CPU is held on, and with clauses that take long; on the host likewise."""

import glob
import os
import re
import subprocess
import sys
import time

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from hosttest import can_host  # noqa: E402
from trace import Trace, dvirt  # noqa: E402

# From the last open(2), behind which exercise begins its loop, to the first close(2) behind that.
LOOP = """
    %s:syscall::openat:return /execname == "exercise"/ { self->v = vtimestamp + 1; self->t = timestamp; }
    %s:syscall::close:entry /self->v/ { printf("loop %d %d %d\\n", pid, timestamp - self->t, vtimestamp + 1 - self->v); self->v = 0; }
    %s:syscall::: /vtimestamp < self->last/ { printf("back\\n"); }
    %s:syscall::: /execname == "exercise"/ { self->last = vtimestamp; }
    """
HOG = "import os\nos.sched_setaffinity(0, {%d})\nwhile True: pass"


def cpu_time(tid):
    """What a thread has run, ns, by the host's own account."""
    with open("/proc/%d/task/%d/schedstat" % (VCPU[0], tid)) as f:
        return int(f.read().split()[0])


def measure(g, command, also=""):
    """Runs a command in the guest: for each of its loops (time, time that it ran, both ms), and what the vCPU ran."""
    with Trace(LOOP.replace("%s", g.name) + also, [g.name], args=["-w"]) as t:
        before = cpu_time(VCPU[1])
        g.check(command)
        vcpu = (cpu_time(VCPU[1]) - before) / 1e6
        out, err = t.stop()
    assert t.status == 0 and "error" not in err and "back" not in out, (out, err)
    loops = [(int(a) / 1e6, int(b) / 1e6) for a, b in re.findall(r"^loop \d+ (\d+) (\d+)$", out, re.M)]
    print("%-60s vcpu %6.0f ms, loops %s" % (command, vcpu, " ".join("%.0f/%.0f" % (b, a) for a, b in loops)))
    return loops, vcpu


def vcpu_thread(g):
    """The process and the thread of the guest's only virtual CPU, as dvirt names it, held on one CPU."""
    status, out, err = dvirt("-M", g.name, "-qn", "syscall:::entry { printf(\"tid %d\\n\", hosttid); exit(0); }")
    tid = int(re.search(r"tid (\d+)", out).group(1))
    cpu = max(os.sched_getaffinity(0))
    os.sched_setaffinity(tid, {cpu})
    return g.pid(), tid, cpu


def near(a, b, part, ms=15):
    """Do two times agree? The host's own account is not a moment's: it is brought up to date at each of its ticks."""
    return abs(a - b) <= part * max(a, b) + ms


def guest(g):
    n = 4000000
    (alone,), vcpu = measure(g, "exercise spin %d" % n)
    n = max(n // 10, int(n * 1000 / alone[1]))  # about a second
    (alone,), vcpu = measure(g, "exercise spin %d" % n)
    assert alone[1] <= alone[0] + 1 and alone[1] <= vcpu + 15, (alone, vcpu)

    # Two threads on one vCPU: each runs about half of the time, both together what the vCPU ran.
    two, vcpu = measure(g, "exercise spin %d & exercise spin %d; wait" % (n, n))
    assert len(two) == 2 and all(v < 0.75 * t for t, v in two), two
    assert 0.6 * vcpu <= sum(v for t, v in two) <= vcpu + 15, (two, vcpu)
    assert near(two[0][1], two[1][1], 0.4), two

    # A program of the host beside the vCPU: the guest takes all of the time for the thread's, we do not.
    hogs = [subprocess.Popen([sys.executable, "-c", HOG % VCPU[2]]) for i in range(2)]
    try:
        (beside,), vcpu = measure(g, "exercise spin %d" % n)
    finally:
        for h in hogs:
            h.kill()
            h.wait()
    assert beside[1] < 0.75 * beside[0], beside
    assert 0.6 * vcpu <= beside[1] <= vcpu + 15, (beside, vcpu)

    # What clauses take is not the thread's: 200 ms here, in the loop itself.
    (calls,), vcpu = measure(g, "exercise getppid 200", "%s:syscall::getppid:entry { chill(1000000); }" % g.name)
    assert calls[0] >= 200 and calls[1] <= calls[0] - 195, calls


def host(python):
    """The same on the host, against what its kernel tells the thread itself."""
    script = """
        host:syscall::getppid:entry /execname == "dvirt-vtime"/ { printf("at %d %d\\n", timestamp, vtimestamp); }
        host:syscall::getpgid:entry /execname == "dvirt-vtime"/ { @ = quantize(stackdepth); @s[stack()] = count(); }
        """
    burn = """
import ctypes, os, sys, time
ctypes.CDLL(None).prctl(15, b"dvirt-vtime", 0, 0, 0)
os.sched_setaffinity(0, {%d})
a = time.thread_time_ns()
os.getppid()
while time.thread_time_ns() - a < 300e6: pass
b = time.thread_time_ns()
os.getppid()
time.sleep(0.3)
for i in range(2000): os.getpgid(0)
os.getppid()
print(b - a)"""
    cpu = max(os.sched_getaffinity(0))
    hog = subprocess.Popen([sys.executable, "-c", HOG % cpu])
    try:
        with Trace(script, ["host"]) as t:
            said = subprocess.run([python, "-c", burn % cpu], stdout=subprocess.PIPE, check=True).stdout
            out, err = t.stop()
    finally:
        hog.kill()
        hog.wait()
    at = [(int(a), int(b)) for a, b in re.findall(r"^at (\d+) (\d+)$", out, re.M)]
    assert len(at) == 3, (out, err)
    time_, ran = (at[1][0] - at[0][0]) / 1e6, (at[1][1] - at[0][1]) / 1e6
    print("host: %.0f ms, ran %.0f ms, it says %.0f ms" % (time_, ran, int(said) / 1e6))
    # Interrupts are in it, and whoever has a hypervisor above takes from it, too.
    assert ran < 0.75 * time_ and near(ran, int(said) / 1e6, 0.15), (time_, ran, said)
    # Asleep, it does not run.
    assert at[2][1] - at[1][1] < 0.4 * (at[2][0] - at[1][0]), at


with guestlib.Guests() as guests:
    web = guests.start("web")
    guests.start("db", kernel="6.12", smp=2, accel="tcg,thread=single")
    os.environ["DVIRT_QEMU_HIDDEN"] = "1"
    guests.start("hidden", smp=2, accel="tcg,thread=single")
    del os.environ["DVIRT_QEMU_HIDDEN"]
    guests.wait(120)
    VCPU = vcpu_thread(web)
    guest(web)
    # Another session comes and goes meanwhile: its clauses are not the thread's time either.
    with Trace("web:syscall::getppid:entry { chill(1000000); }", ["web"], args=["-w"]):
        (calls,), vcpu = measure(web, "exercise getppid 200")
    assert calls[0] >= 200 and calls[1] <= calls[0] - 195, calls
    status, out, err = dvirt("-M", "db", "-n", "syscall:::entry { trace(vtimestamp); exit(0); }")
    assert "one thread runs all its virtual CPUs" in err, (status, out, err)
    # Where QEMU hides its symbols besides, such a machine cannot be traced at all, and goes on.
    status, out, err = dvirt("-M", "hidden", "-n", "syscall:::entry { exit(0); }")
    assert status and "hidden cannot be traced: " in err and "hides its symbols" in err and "-Z" not in err, (status, out, err)
    guests.all[2].check("true")
if "syscall" in can_host():
    host(sys.executable)
else:
    print("the host cannot be traced here")
