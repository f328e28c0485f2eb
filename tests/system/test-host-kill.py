# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 400
"""dvirt dies without a word while it traces a guest and the host's kernel: no program, map or link of it stays in the kernel,
and the guest goes on. Thirty times, at random moments: while it looks around, while it loads its programs, while it traces."""

import os
import random
import signal
import subprocess
import sys
import time

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from hosttest import Bpf, compile_program, need_host  # noqa: E402
from trace import DVIRT, Trace, table  # noqa: E402

TIMES = 30
SCRIPT = r"""
syscall:::entry { n++; @[vmname, execname] = count(); a[vmname, probefunc] = timestamp; }
sched:::off-cpu { @s[vmname] = count(); }
host:profile:::profile-199 { @p[stack()] = count(); }
syscall::getppid:return /n % 100 == 0/ { printf("%s %d\n", vmname, n); }
"""


def end_of(things):
    """Waits until none of them is there; returns those that stay."""
    for _ in range(500):
        things = {(k, i) for k, i in things if i in Bpf.ids(k)}
        if not things:
            break
        time.sleep(0.02)
    return things


def orphans():
    """Programs and maps named as dvirt's are, of which no process has a descriptor."""
    held = set().union(*(Bpf.held(int(p)) for p in os.listdir("/proc") if p.isdigit()))
    found = set()
    for kind in ("prog", "map"):
        for i in Bpf.ids(kind):
            if (kind, i) not in held and (Bpf.name(kind, i) or "").startswith("dvirt"):
                found.add((kind, i))
    return found


need_host()
seed = int(os.environ.get("DVIRT_SEED") or time.time())
print("DVIRT_SEED=%d" % seed)
random.seed(seed)
loop = compile_program("bench/host-loop.c")
with guestlib.Guests() as g:
    web = g.start("web", smp=2)
    g.wait(120)
    # Those of other sessions on this machine, were there any.
    before = orphans()
    web.check("exercise load 2 getppid >/tmp/load 2>&1 &")
    busy = subprocess.Popen(["sh", "-c", "while :; do %s 20000 host-kill; sleep 0.01; done" % loop], stdout=subprocess.DEVNULL,
                            start_new_session=True)
    most, seen = 0, set()
    try:
        # How long it takes until it traces: the moments are spread over twice that.
        begin = time.monotonic()
        with Trace(SCRIPT, ["web", "host"]):
            start = time.monotonic() - begin
        for i in range(TIMES):
            p = subprocess.Popen([DVIRT, "-q", "-M", "web", "-M", "host", "-o", "/dev/null", "-n", SCRIPT],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(random.uniform(0, 2 * start))
            p.send_signal(signal.SIGSTOP)
            os.waitpid(p.pid, os.WUNTRACED)
            held = Bpf.held(p.pid)
            p.kill()
            p.wait()
            kinds = [k for k, _ in held]
            seen.update(kinds)
            most = max(most, len(held))
            left = end_of(held)
            assert not left, (i, left)
            assert web.run("true", timeout=30).status == 0
        # What was made in the moment before, and never got a descriptor, or was QEMU's only.
        for _ in range(100):
            left = orphans() - before
            if not left:
                break
            time.sleep(0.1)
        assert not left, {x: Bpf.name(*x) for x in left}
        assert seen == {"prog", "map", "link"}, seen
        print("%d times; at most %d programs, maps and links at once; %.2f s to start" % (TIMES, most, start))
        # All as it was: traced again, both count.
        with Trace('syscall::getppid:entry { @[vmname] = count(); }', ["web", "host"]) as t:
            time.sleep(0.5)
            out, err = t.stop()
        n = table(out)
        assert n[("web",)] > 100 and n[("host",)] > 100, (out, err)
    finally:
        os.killpg(busy.pid, signal.SIGKILL)
        busy.wait()
