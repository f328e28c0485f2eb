# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 900
"""Life and death: dvirt killed at random moments, QEMU killed under dvirt, attached and detached again and again. The
guests go on, untraced at once, and nothing grows."""

import os
import random
import re
import subprocess
import sys
import time

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import DVIRT, Trace, dvirt, fds, rss_kib  # noqa: E402

KILLS, QEMU_KILLS, ROUNDS = 50, 20, 200
SCRIPT = 'syscall:::entry { @[vmname, execname, probefunc] = count(); self->t = timestamp; }' \
         'syscall:::return /self->t/ { @q = quantize(timestamp - self->t); self->t = 0; }'
random.seed(7)


def sessions(name):
    """How many sessions trace a machine, as `dvirt ps -v` says."""
    status, out, err = dvirt("ps", "-v")
    m = re.search(r"^%s\b.*?\b(\d+) sessions?\b" % name, out, re.M | re.S)
    assert m, (out, err)
    return int(m.group(1))


with guestlib.Guests() as g:
    web = g.start("web", smp=2)
    g.wait(120)
    web.check("exercise load 2 read >/dev/null 2>&1 &")
    qemu = web.pid()
    with Trace(SCRIPT, ["web"]) as t:
        t.stop()

    # Killed at random moments under load.
    for i in range(KILLS):
        p = subprocess.Popen([DVIRT, "-q", "-M", "web", "-n", SCRIPT], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.random() * 0.8)
        p.kill()
        p.wait()
        if i % 10 == 9:
            time.sleep(1)
            assert sessions("web") == 0, "traced still, a second after dvirt died"
            assert web.check("echo on", timeout=30).out == "on\n"
    print("killed dvirt %d times" % KILLS)

    # Attached and detached.
    with Trace(SCRIPT, ["web"]) as t:
        t.stop()
    before = fds(qemu), rss_kib(qemu)
    marks = []
    script = 'syscall::read:entry { n++; } tick-20ms { exit(0); }'
    for i in range(ROUNDS):
        status, out, err = dvirt("-q", "-M", "web", "-n", script)
        assert status == 0, err
        if i % 50 == 49:
            marks.append((fds(qemu), rss_kib(qemu)))
    print("before %s, then %s" % (before, marks))
    assert marks[-1][0] <= before[0] + 1, "descriptors grow"
    # Translated code comes and goes; what grows with the rounds does not.
    assert marks[-1][1] - marks[0][1] < 8192, "memory grows"
    assert web.check("echo on", timeout=30).out == "on\n"

    # QEMU killed under a session; the session goes on with the other machine.
    with Trace('syscall::read:entry /vmname == "web"/ { n++; } tick-50ms { printf("n %d\\n", n); }',
               ["web", "victim*"], timeout=60) as t:
        for i in range(QEMU_KILLS):
            name = "victim%d" % i
            v = g.start(name, run=[], ip=[], peer=[])
            # On a slow machine a guest does not come far in that time: some are let join.
            if i % 5 == 4:
                t.expect_err("machine '%s' has joined" % name, timeout=120)
            time.sleep(0.3 + random.random() * 2.5)
            v.kill()
            v.stop()
            if i % 5 == 4:
                t.expect_err("machine '%s' has gone" % name)
        time.sleep(0.5)
        out, err = t.stop()
    n = [int(x) for x in re.findall(r"^n (\d+)$", out, re.M)]
    assert n[-1] > n[0] and n[-1] > n[len(n) // 2], "web was not traced any more"
    print("killed QEMU %d times; %d events of web; dvirt said:\n%s" % (QEMU_KILLS, n[-1], err))
    assert sessions("web") == 0
