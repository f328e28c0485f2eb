# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 300
"""profile-N in guests: how often it fires on a virtual CPU that works and on one that is idle, and where it finds it; several
timers and sessions; where there is none. What it costs is in bench/run."""

import os
import re
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import Trace, dvirt, table  # noqa: E402

HZ = 199


def run(g, script, do):
    with Trace(script, [g.name]) as t:
        r = g.check(do)
        out, err = t.stop()
    assert t.status == 0 and "error" not in err and "drop" not in err, err
    return out, r


def wanted(pid):
    """How long a process's threads ran, or wanted to, in all, s."""
    ns = 0
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, tid)) as f:
            ns += sum(map(int, f.read().split()[:2]))
    return ns / 1e9


def busy(g):
    out, r = run(g, """
        profile-%d /execname == "exercise"/ { @n["all"] = count(); @n[arg0 ? "kernel" : "user"] = count(); @at[ufunc(arg1)] = count(); }
        profile-%d /execname == "exercise" && arg1/ { @s["ustack"] = sum(ustackdepth > 0 && ucaller != arg1); @s["stack"] = sum(stackdepth); }
        profile-%d /execname == "exercise" && arg0/ { @s["kstack"] = sum(stackdepth > 0); }
        profile-%d /!arg0 == !arg1/ { @n["bad"] = count(); }
        syscall::read:entry /execname == "exercise"/ { read++; }
        """.replace("%d", str(HZ)), "exercise spin 60000000; exercise read 100000")
    n = {k[0]: v for k, v in table(out).items() if len(k) == 1}
    seconds = sum(int(x) for x in re.findall(r"^ns (\d+)$", r.out, re.M)) / 1e9
    print("%s: %.2f s, %s" % (g.name, seconds, n))
    # The host may take the vCPU away for longer than a period, and exercise does a little more than what it times.
    assert 0.25 * HZ * seconds <= n["all"] <= 1.1 * HZ * seconds + 25, (seconds, n)
    assert "bad" not in n and n["kernel"] + n["user"] == n["all"] and n["kernel"] > 5 and n["user"] > 20, n
    assert n["ustack"] == n["user"] and n["stack"] == 0 and n["kstack"] == n["kernel"], n


def idle(g):
    """Timers of a vCPU that waits for an interrupt pass unseen, also when it has been woken up."""
    with Trace("profile-997 { @n[cpu] = count(); }", [g.name]) as t:
        before = wanted(g.pid())
        g.check("sleep 2")
        busy = wanted(g.pid()) - before
        out, err = t.stop()
    n = sum(v for k, v in table(out).items())
    print("%s: idle: %.2f s of work, %d" % (g.name, busy, n))
    assert n < 1.1 * 997 * busy + 50, (n, busy, out)


def several(g):
    """Two timers of one session, and one of another beside it."""
    with Trace("profile-19 { @n = count(); }", [g.name]) as other:
        out, r = run(g, "profile-19 { @n[19] = count(); } profile-293 { @n[293] = count(); }", "exercise spin 120000000")
        theirs, err = other.stop()
    n = {int(k[0]): v for k, v in table(out).items()}
    theirs = int(re.search(r"(\d+)", theirs).group(1))
    print("%s: %s, beside it %d" % (g.name, n, theirs))
    # The quick one is what a host that has no time for the vCPU takes from.
    assert n[19] > 3 and 2 * n[19] < n[293] < 30 * n[19] and theirs >= 0.7 * n[19], (n, theirs)


with guestlib.Guests() as guests:
    web = guests.start("web")
    db = guests.start("db", kernel="6.12", smp=2)
    single = guests.start("single", smp=2, accel="tcg,thread=single", ip=[], peer=[], run=[])
    guests.wait(120)
    for g, smp in ((web, 1), (db, 2)):
        g.smp = smp
        busy(g)
        idle(g)
    several(web)

    # There is no timer for a machine whose virtual CPUs take turns. It goes on.
    status, out, err = dvirt("-M", "single", "-n", "profile-97 { exit(0); }")
    assert status == 1 and "single" in err and "one thread runs all its virtual CPUs" in err, (status, out, err)
    single.check("true")
