# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 400
"""Several sessions at once on one guest; guests that come late, vanish and restart; nothing lost under
bufpolicy=block; drops are said."""

import os
import re
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import Trace, dvirt, table  # noqa: E402

N = 20000
COUNT = 'syscall::getppid:entry /execname == "exercise"/ { @[vmname] = count(); }'

with guestlib.Guests() as g:
    web = g.start("web", smp=2)
    g.wait(120)

    # Three sessions, one of them ends in between; each has its own state and its own count.
    with Trace(COUNT, ["web"]) as a, Trace(COUNT, ["web"]) as b:
        web.check("exercise getppid %d" % N)
        with Trace(COUNT, ["web"]) as c:
            web.check("exercise getppid %d" % N)
            out, err = c.stop()
            assert table(out)[("web",)] == N, (out, err)
        web.check("exercise getppid %d" % N)
        for t in (a, b):
            out, err = t.stop()
            assert table(out)[("web",)] == 3 * N, (out, err)
    print("several sessions")

    # A guest that comes during a session joins; one that goes is reported and its data kept.
    with Trace(COUNT + ' tick-1s { printf("n\\n"); }', ["web", "late"]) as t:
        web.check("exercise getppid %d" % N)
        late = g.start("late", kernel="6.12", ip=[], peer=[], run=[])
        late.wait(120)
        for i in range(40):
            late.check("exercise getppid 100")
            if "late" in dvirt("ps")[1]:
                late.check("sleep 0.3")
                break
        late.check("sleep 1; exercise getppid %d" % N)
        late.kill()
        late.stop()
        web.check("exercise getppid %d; sleep 1" % N)
        out, err = t.stop()
    rows = table(out)
    assert rows[("web",)] == 2 * N, (out, err)
    assert N <= rows[("late",)] <= N + 4000, (out, err)
    assert "late" in err, err
    print("late and gone")

    # Tiny buffers: with bufpolicy=block nothing is lost, without it what is lost is counted.
    script = 'syscall::getppid:entry /execname == "exercise"/ { printf("%d\\n", ++n); }'
    with Trace(script, ["web"], ["-b", "16k", "-x", "bufpolicy=block"]) as t:
        web.check("exercise threads 2 %d" % N, timeout=200)
        out, err = t.stop()
    lines = [int(x) for x in out.split()]
    assert sorted(lines) == list(range(1, len(lines) + 1)) and len(lines) >= 2 * N, (len(lines), err)
    assert "drop" not in err, err
    with Trace(script, ["web"], ["-b", "16k", "-x", "switchrate=1s"]) as t:
        web.check("exercise threads 2 %d" % N, timeout=200)
        out, err = t.stop()
    lost = sum(int(x) for x in re.findall(r"(\d+) drops?\b", err))
    got = len(out.split())
    assert lost > 0 and 2 * N <= got + lost <= 2 * N + 10, (got, lost, err)
    print("block and drops")

    # dvirt stopped (not dead) while the guest waits for room: the guest goes on when dvirt is killed.
    with Trace(script, ["web"], ["-b", "16k", "-x", "bufpolicy=block"]) as t:
        os.kill(t.p.pid, 19)
        web.check("exercise getppid 50000 >/dev/null 2>&1 & sleep 0.2")
        t.kill()
        assert web.check("echo on", timeout=10).out == "on\n"
    print("a stuck dvirt")
