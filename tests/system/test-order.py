# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 1500
# alone
"""The order contract: two guests play ping-pong over the network, each step is probed, and at least 200,000 pairs in
succession have the right order: in sequence, in time, and in what the clauses saw of each other's variables."""

import os
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import Trace, inversions  # noqa: E402

ROUNDS = int(os.environ.get("DVIRT_ORDER_ROUNDS", "50100"))
# Steps 0 to 3 of a round, whose number is in the packet. A pair is a step and the next one: cause and effect, by the packet
# or by the program. A packet that is lost is sent again; what counts is the first time that a step was seen.
# The first round is left out: its receiver was waiting before it was traced.
SCRIPT = r"""
web:syscall::sendto:entry    /execname == "exercise"/
    { printf("S 0 %d %d %d %d\n", *(uint64_t *)copyin(arg1, 8), seq, timestamp, n); n++; }
db:syscall::sendto:entry     /execname == "exercise"/
    { printf("S 2 %d %d %d %d\n", *(uint64_t *)copyin(arg1, 8), seq, timestamp, n); n++; }
syscall::recvfrom:entry      /execname == "exercise"/ { self->buf = arg1; }
db:syscall::recvfrom:return  /self->buf && (int)arg1 > 0/
    { printf("S 1 %d %d %d %d\n", *(uint64_t *)copyin(self->buf, 8), seq, timestamp, n); n++; }
web:syscall::recvfrom:return /self->buf && (int)arg1 > 0/
    { printf("S 3 %d %d %d %d\n", *(uint64_t *)copyin(self->buf, 8), seq, timestamp, n); n++; }
"""


with guestlib.Guests() as g:
    web = g.start("web")
    db = g.start("db", kernel="6.12")
    g.wait(120)
    db.check("exercise pong 7000 >/tmp/pong 2>&1 & while ! grep -q ready /tmp/pong; do sleep 0.1; done")
    with Trace(SCRIPT, ["web", "db"], ["-x", "bufpolicy=block", "-x", "switchrate=20hz"]) as t:
        r = web.run("exercise ping 10.0.0.2 7000 %d" % (ROUNDS + 1), timeout=1200)
        out, err = t.stop(120)
    assert r.status == 0, r.err
    assert t.status == 0, err
    pairs, bad = inversions(out, ROUNDS, 4)
    print("%d pairs; inversions: %d in sequence, %d in time, %d in the variable, %d in the output" % ((pairs,) + tuple(bad)))
    print("packets sent again: %d" % r["again"])
    print(err)
    assert "drop" not in err, err
    if os.environ.get("DVIRT_EXPECT_INVERSIONS"):
        assert any(bad), "a sequence number taken at the wrong place went unnoticed"
    else:
        assert pairs == 4 * ROUNDS - 1, pairs
        assert not any(bad), bad
