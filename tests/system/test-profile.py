# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 300
"""profile-N in guests: how often it fires on a virtual CPU that works and on one that is idle, and where it finds it. With
DVIRT_PROFILE_ALL=1 also several timers and sessions, what it costs, and that nothing of it stays."""

import os
import re
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import Trace, table  # noqa: E402

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
    """Two timers of one session, and those of another beside it."""
    with Trace("profile-97 { @n = count(); }", [g.name]) as other:
        out, r = run(g, "profile-97 { @n[97] = count(); } profile-293 { @n[293] = count(); }", "exercise spin 60000000")
        theirs, err = other.stop()
    n = {int(k[0]): v for k, v in table(out).items()}
    theirs = int(re.search(r"(\d+)", theirs).group(1))
    assert 1.5 * n[97] < n[293] < 4.5 * n[97], n
    assert theirs >= n[97], (theirs, n)


def cost(g):
    def spin():
        return min(float(re.search(r"ns_each ([\d.]+)", g.check("exercise spin 20000000").out).group(1)) for i in range(3))

    off = spin()
    with Trace("profile-97 { @ = count(); }", [g.name]):
        on = spin()
    after = spin()
    print("%s: a step of a loop, ns: %.2f, with a timer %.2f, then %.2f" % (g.name, off, on, after))
    # A step is one block here, the shortest there are.
    assert on < 2.5 * off + 2 and after < 1.5 * off + 1, (off, on, after)


with guestlib.Guests() as guests:
    web = guests.start("web")
    db = guests.start("db", kernel="6.12", smp=2)
    guests.wait(120)
    for g, smp in ((web, 1), (db, 2)):
        g.smp = smp
        busy(g)
        idle(g)
    if os.environ.get("DVIRT_PROFILE_ALL"):  # for a machine that does nothing else
        several(web)
        cost(web)
