# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 900
"""The QEMU plugin by itself, without the language: exact counts, attaching and detaching under load, sessions that die."""

import glob
import os
import re
import subprocess
import sys
import time

import guestlib

BUILD = os.environ["DVIRT_BUILD"]
LIVE = os.path.join(BUILD, "tests", "machine", "live")
if not os.access(LIVE, os.X_OK):
    print("%s is not built" % LIVE)
    sys.exit(77)
GETPPID = ["s:__x64_sys_getppid", "r:__x64_sys_getppid"]


def live(*args, wait=True):
    p = subprocess.Popen([LIVE, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if not wait:
        while not p.stdout.readline().startswith("tracing"):
            assert p.poll() is None, "live ended"
        return p
    out = p.communicate(timeout=500)[0]
    assert p.returncode in (0, -9), (args, p.returncode, out)
    return out


def counts(out):
    return [int(n) for n in re.findall(r"^count \S+ (\d+)$", out, re.M)]


def machine(name, options=(), **how):
    extra = ["-plugin", "%s/dvirt-qemu.so,name=%s" % (BUILD, name), *options]
    return dict(how, dvirt=False, extra=extra)


with guestlib.Guests() as g:
    # All the ways in which RAM may lie, and a QEMU that would hide its symbols.
    small = g.start("small", **machine("small"))
    big = g.start("big", **machine("big", kernel="6.12", smp=4, mem="8G", machine="pc"))
    os.environ["DVIRT_QEMU_HIDDEN"] = "1"
    hidden = g.start("hidden", **machine("hidden", mem="3G"))
    del os.environ["DVIRT_QEMU_HIDDEN"]
    # One thread for all vCPUs.
    single = g.start("single", **machine("single", smp=2, accel="tcg,thread=single"))
    # One that gives up its rights when it has started.
    nobody = g.start("nobody", **machine("nobody", ["-run-with", "user=nobody"], run=[], peer=[]))
    g.wait(120)

    for guest, cpus in ((small, 1), (big, 4), (hidden, 1), (single, 2), (nobody, 1)):
        out = live("show", guest.name)
        assert "vcpus %d of %d types 1" % (cpus, cpus) in out, out

    # Every call is counted, in entry and return alike, by threads on all vCPUs. The test's own start makes one more.
    for guest, cpus in ((small, 1), (big, 4), (hidden, 1), (single, 2), (nobody, 1)):
        p = live("trace", guest.name, 100, *GETPPID, wait=False)
        guest.check("exercise threads %d 20000 getppid" % cpus, timeout=60)
        n = counts(p.communicate(timeout=100)[0])
        assert n[0] == n[1] and 20000 * cpus <= n[0] <= 20000 * cpus + 20, (guest.name, n)
    print("counts are exact")

    # Two sessions at once see the same.
    a, b = (live("trace", "small", 100, *GETPPID, wait=False) for _ in (1, 2))
    small.check("exercise getppid 20000", timeout=60)
    a, b = (counts(p.communicate(timeout=100)[0]) for p in (a, b))
    assert a == b and a[0] >= 20000, (a, b)

    # By the system call's number.
    p = live("trace", "small", 100, "x:syscall_exit_to_user_mode:110", "x:syscall_exit_to_user_mode:39", wait=False)
    small.check("exercise getppid 1000", timeout=60)
    n = counts(p.communicate(timeout=100)[0])
    assert 1000 <= n[0] <= 1004, n

    # Attached and detached under load: nothing fires afterwards, nothing grows.
    big.check("exercise load 4 getppid >/dev/null 2>&1 & echo $! >/tmp/load")
    out = live("rounds", "big", 200, *GETPPID, "e:vfs_read")
    m = re.search(r"fired (\d+) after (\d+).*\nfds (\d+) (\d+) own (\d+) (\d+)\nkb (\d+) (\d+)", out)
    fired, after, f0, f1, o0, o1, k0, k1 = map(int, m.groups())
    assert fired > 0 and after == 0 and f1 <= f0 and o1 <= o0 and k1 < k0 + 8192, out
    print("200 rounds: %d KiB more" % (k1 - k0))

    # Sessions that block, and die: the guest goes on.
    big.check("kill $(cat /tmp/load)")
    for i in range(10):
        small.check("exercise getppid 20000 >/dev/null 2>&1 &")
        live("hold", "small", 0.2, *GETPPID)
    assert small.check("exercise getppid 1000", timeout=20)["getppid"] == 1000
    small.check("echo on", timeout=5)

    # The name is taken: the second runs, untraced.
    small2 = g.start("small2", **machine("small"))
    small2.wait(60)
    with open(small2.path("qemu.log")) as f:
        log = f.read()
    assert "a machine named 'small' exists already (pid %d); this one cannot be traced" % small.pid() in log, log
    # A socket left by a QEMU that was killed is replaced.
    small.kill()
    time.sleep(0.5)
    small3 = g.start("small3", **machine("small"))
    small3.wait(60)
    assert "release" in live("show", "small")
    small3.stop()
    small2.stop()
    time.sleep(0.2)
    rundir = os.environ.get("DVIRT_RUNDIR") or "/run/dvirt"
    assert not glob.glob(rundir + "/small.sock"), "QEMU left its socket"
