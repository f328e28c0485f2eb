# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 1800
"""Time in guests under KVM: profile-N, how often it fires on a virtual CPU that works and on one that is idle, where it finds
it, several timers and two guests at once. vtimestamp: what a thread has run by itself, alone, beside another, beside a program of the
host. What a guest's clause can read of the host's kernel."""

import os
import re
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import LabTrace, table  # noqa: E402

HZ = 97
PROFILE = """
profile-%d { @n["all"] = count(); @w[execname == "exercise" ? "exercise" : "other", arg0 ? "kernel" : "user"] = count(); }
profile-%d /!arg0 == !arg1 || (arg0 && (int64_t)arg0 > 0) || (int64_t)arg1 < 0/ { @n["bad"] = count(); }
profile-%d /execname == "swapper/0"/ { @n["idle"] = count(); }
profile-%d /execname == "exercise" && arg1/ { @s["ustack"] = sum(ustackdepth > 0 && ucaller != arg1); @s["stack"] = sum(stackdepth); }
profile-%d /execname == "exercise" && arg0/ { @s["kstack"] = sum(stackdepth > 0); @k[stack(1)] = count(); }
syscall::read:entry /execname == "exercise"/ { @n["read"] = count(); }
""".replace("%d", str(HZ))


class Ran:
    """How long a guest's threads have run, s: the virtual CPU's, which works most, and all of them."""

    def __init__(self, lab, guest):
        self.lab, self.guest = lab, guest
        self.pid = lab.check("inner %s pid" % guest).out.strip()
        self.before = self.times()

    def times(self):
        out = self.lab.check("cd /proc/%s/task && grep -H . */schedstat" % self.pid).out
        return {int(t): int(ns) / 1e9 for t, ns in re.findall(r"^(\d+)/schedstat:(\d+)", out, re.M)}

    def since(self):
        """Of the virtual CPU's."""
        now = self.times()
        return max(now[t] - self.before.get(t, 0) for t in now)


def trace(lab, script, guests, do, also=()):
    """Runs commands in guests under a script: what it printed, and what each guest's virtual CPU ran: in the session, at least;
    and with what came before and after, at most."""
    outer = {g: Ran(lab, g) for g in guests}
    with LabTrace(lab, script, guests + list(also), timeout=600) as t:
        inner = {g: Ran(lab, g) for g in guests}
        for guest, command in do:
            lab.check("inner %s run '%s'" % (guest, command), timeout=400)
        least = {g: r.since() for g, r in inner.items()}
        out, err = t.stop(timeout=400)
    ran = {g: (least[g], r.since()) for g, r in outer.items()}
    print(out, err, ran)
    assert t.status == 0 and "error" not in err and "drop" not in err, (out, err)
    return out, ran


def near(n, hz, ran):
    """What the host of all this takes away may make one of two."""
    return 0.6 * hz * ran[0] - 10 <= n <= 1.1 * hz * ran[1] + 15


def busy(lab, guest):
    out, ran = trace(lab, PROFILE, [guest], [(guest, "exercise spin 20000000; exercise read 3000")])
    n = table(out)
    assert near(n[("all",)], HZ, ran[guest]), (n, ran)
    assert ("bad",) not in n, n
    user, kernel = n[("exercise", "user")], n[("exercise", "kernel")]
    assert user > 20 and kernel > 3 and n[("read",)] >= 3000, n
    assert n[("ustack",)] == user and n[("stack",)] == 0 and n[("kstack",)] == kernel, n
    assert re.search(r"^ +vmlinux`\S+\n +\d+$", out, re.M), out


def idle(lab, guest):
    """A virtual CPU that waits for an interrupt is not found, also not when it has been woken up."""
    out, ran = trace(lab, 'profile-997 { @n["all"] = sum(1); @n["idle"] = sum(execname == "swapper/0"); }', [guest],
                     [(guest, "sleep 3")])
    n = table(out)
    assert n[("all",)] <= 997 * ran[guest][1] * 1.1 + 20, (n, ran)
    assert n[("idle",)] < 1000, (n, ran)


def several(lab):
    """Two timers on two guests, with the host's own beside them."""
    out, ran = trace(lab, 'profile-97, profile-211 { @[vmname, probename, vmname != "host" && execname == "exercise"] = count(); }',
                     ["web", "db"], [(g, "exercise spin 40000000") for g in ("web", "db")], ["host"])
    n = table(out)
    for g in ("web", "db"):
        for hz in (97, 211):
            assert near(sum(n.get((g, "profile-%d" % hz, k), 0) for k in "01"), hz, ran[g]), (g, hz, n, ran)
            assert n[(g, "profile-%d" % hz, "1")] > 30, (n, ran)
    assert n[("host", "profile-97", "0")] > 97, n


# From the last open(2), behind which exercise begins its loop, to the first close(2) behind that.
LOOP = """
syscall::openat:return /execname == "exercise"/ { self->v = vtimestamp + 1; self->t = timestamp; }
syscall::close:entry /self->v/ { printf("loop %d %d\\n", timestamp - self->t, vtimestamp + 1 - self->v); self->v = 0; }
syscall::openat:, syscall::read:, syscall::write:, syscall::close:, vm:::exit, vm:::entry, profile-97 /execname == "exercise" && vtimestamp < self->last/ { printf("back\\n"); }
syscall::openat:, syscall::read:, syscall::write:, syscall::close:, vm:::exit, vm:::entry, profile-97 /execname == "exercise"/ { self->last = vtimestamp; n++; }
"""


def measure(lab, guest, command):
    """For each loop of a command (time, time that it ran, both s), and what the virtual CPU ran."""
    out, ran = trace(lab, LOOP, [guest], [(guest, command)])
    assert "back" not in out, out
    loops = [(int(a) / 1e9, int(b) / 1e9) for a, b in re.findall(r"^loop (\d+) (\d+)$", out, re.M)]
    print(guest, command, loops, ran[guest])
    return loops, ran[guest][0]


def times(lab, guest):
    n = 6000000
    (alone,), vcpu = measure(lab, guest, "exercise spin %d" % n)
    assert 0 < alone[1] <= alone[0] + 0.001 and alone[1] <= vcpu + 0.03, (alone, vcpu)
    n = max(n, int(n * 0.5 / alone[1]))  # about half a second, so that others get their turns
    # Two threads on one virtual CPU: together what it ran, but for what clauses take, and the programs' beginnings and ends.
    two, vcpu = measure(lab, guest, "exercise spin %d & exercise spin %d; wait" % (n, n))
    assert len(two) == 2 and all(v < 0.8 * t for t, v in two), two
    assert 0.25 * vcpu <= sum(v for t, v in two) <= vcpu + 0.03, (two, vcpu)
    # A program of the host beside the virtual CPU: the guest takes all of the time for the thread's, we do not.
    lab.check("(sh -c 'while :; do :; done' >/dev/null 2>&1 & echo $! >/tmp/hog)")
    (beside,), vcpu = measure(lab, guest, "exercise spin %d" % n)
    lab.check("kill $(cat /tmp/hog)")
    assert beside[1] < 0.8 * beside[0] and beside[1] <= vcpu + 0.03, (beside, vcpu)


def memory(lab):
    """Of the host's kernel, at the same time in its own clauses and in a guest's; of another guest: not."""
    kernel = lab.check("uname -r").out.strip()
    same = lab.check("inner web run uname -r").out.strip() == kernel
    script = """
        BEGIN { before = host`vmlinux`jiffies_64; }
        syscall::getppid:entry /vmname == "web" && execname == "exercise"/ {
            at = host`vmlinux`jiffies_64; p = &host`vmlinux`jiffies_64;
            @r[stringof((char *)&host`vmlinux`linux_banner) == stringof((char *)&vmlinux`linux_banner) ? "same" : "other"] = count(); }
        syscall::getppid:return /vmname == "web" && execname == "exercise"/ { @r[PTR >= at && at >= before ? "later" : "wrong"] = count(); }
        END { printf("%s\\n", stringof((char *)&host`vmlinux`linux_banner)); @r[host`vmlinux`jiffies_64 >= at ? "end" : "wrong"] = count(); }
        """.replace("PTR", "*p" if same else "host`vmlinux`jiffies_64")  # a pointer needs the same kernel
    out, ran = trace(lab, script, ["web"], [("web", "exercise getppid 20")], ["host"])
    n = table(out)
    assert "Linux version %s " % kernel in out, out
    assert n[("same" if same else "other",)] == 20 and n[("later",)] == 20 and n[("end",)] == 1, out
    lab.put("/tmp/db.d", 'syscall::getppid:entry /vmname == "web"/ { trace(db`vmlinux`jiffies_64); } tick-60s { exit(0); }')
    r = lab.run("dvirt -M web -M db -s /tmp/db.d", timeout=300)
    assert "another machine's memory" in r.err, r.err


with guestlib.Guests() as g:
    lab = g.lab("lab", kvm=True, kernel=os.environ.get("DVIRT_LAB_KERNEL", "6.1"), inner=["web", "db:6.12"])
    lab.wait(400)
    for guest in ("web", "db"):
        lab.check("for i in 1 2 3 4; do inner %s wait && exit 0; done; exit 1" % guest, timeout=600)
    for guest in ("web", "db"):
        busy(lab, guest)
    idle(lab, "web")
    several(lab)
    for guest in ("web", "db"):
        times(lab, guest)
    memory(lab)
