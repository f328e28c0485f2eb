# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 1500
"""The order contract: two guests play ping-pong over the network, each step is probed, and at least 200,000 pairs in
succession have the right order: in sequence, in time, and in what the clauses saw of each other's variables."""

import os
import re
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import Trace  # noqa: E402

ROUNDS = int(os.environ.get("DVIRT_ORDER_ROUNDS", "50100"))
# Steps 0 to 3 of a round. A pair is a step and the next one: cause and effect, by the packet or by the program.
SCRIPT = r"""
web:syscall::sendto:entry    /execname == "exercise"/ { printf("S 0 %d %d %d\n", seq, timestamp, n); n++; }
db:syscall::recvfrom:return  /execname == "exercise" && (int)arg1 > 0/ { printf("S 1 %d %d %d\n", seq, timestamp, n); n++; }
db:syscall::sendto:entry     /execname == "exercise"/ { printf("S 2 %d %d %d\n", seq, timestamp, n); n++; }
web:syscall::recvfrom:return /execname == "exercise" && (int)arg1 > 0/ { printf("S 3 %d %d %d\n", seq, timestamp, n); n++; }
"""


def inversions(text):
    """(pairs, inversions in sequence, in time, in the variable, in the order of output)."""
    steps = [tuple(map(int, m.groups())) for m in re.finditer(r"^S (\d) (\d+) (\d+) (\d+)$", text, re.M)]
    bad = [0, 0, 0, 0]
    # The causal order is that of n: each clause read what the one before it left.
    for i, (a, b) in enumerate(zip(steps, steps[1:])):
        bad[0] += b[1] <= a[1]
        bad[1] += b[2] <= a[2]
        bad[2] += b[3] != a[3] + 1
        bad[3] += b[0] != (a[0] + 1) % 4
    return max(0, len(steps) - 1), bad


with guestlib.Guests() as g:
    web = g.start("web")
    db = g.start("db", kernel="6.12")
    g.wait(120)
    db.check("exercise pong 7000 >/tmp/pong 2>&1 &")
    with Trace(SCRIPT, ["web", "db"], ["-x", "bufpolicy=block", "-x", "switchrate=20hz"]) as t:
        r = web.run("exercise ping 10.0.0.2 7000 %d" % ROUNDS, timeout=1200)
        out, err = t.stop(120)
    assert r.status == 0, r.err
    assert t.status == 0, err
    pairs, bad = inversions(out)
    print("%d pairs; inversions: %d in sequence, %d in time, %d in the variable, %d in the output" % ((pairs,) + tuple(bad)))
    print(err)
    assert "drop" not in err, err
    if os.environ.get("DVIRT_EXPECT_INVERSIONS"):
        assert any(bad), "a sequence number taken at the wrong place went unnoticed"
    else:
        assert pairs >= 4 * ROUNDS - 1 and pairs >= min(200000, 4 * ROUNDS - 1), pairs
        assert not any(bad), bad
