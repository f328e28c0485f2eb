# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
# alone
"""The order contract between guests and the host's kernel: two guests play ping-pong, and each packet's way is probed in
the guest that sends it, in the host's kernel where its QEMU gives it away and the other's QEMU takes it, and in the guest
that gets it. At least 200,000 pairs in succession have the right order: in sequence, in time, in what the clauses saw of
each other's variable, and in the output. The host's kernel cannot wait for room, so that nothing was dropped is part of it."""

import os
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from hosttest import need_host  # noqa: E402
from trace import Trace, inversions  # noqa: E402

ROUNDS = int(os.environ.get("DVIRT_ORDER_ROUNDS", "25050"))
# Eight steps in a round, whose number is in the packet: behind 42 bytes of Ethernet, IP and UDP in QEMU's buffers. Each
# step is the cause of the next, by the packet or by the program. A packet that is lost is sent again; what counts is the first
# time that a step was seen. The first round is left out: its receiver was waiting before it was traced.
FRAME = 14 + 20 + 8 + 64
SAY = r'printf("S %d %%d %%d %%d %%d\n", *(uint64_t *)copyin(%s, 8), seq, timestamp, n); n++;'
STEPS = [
    ("web:syscall::sendto:entry", 'execname == "exercise"', "arg1"),
    ("host:syscall::sendto:entry", 'guestname == "web" && arg2 == %d' % FRAME, "arg1 + 42"),
    ("host:syscall::recvfrom:return", 'guestname == "db" && self->buf && arg1 == %d' % FRAME, "self->buf + 42"),
    ("db:syscall::recvfrom:return", 'self->buf && (int)arg1 > 0', "self->buf"),
    ("db:syscall::sendto:entry", 'execname == "exercise"', "arg1"),
    ("host:syscall::sendto:entry", 'guestname == "db" && arg2 == %d' % FRAME, "arg1 + 42"),
    ("host:syscall::recvfrom:return", 'guestname == "web" && self->buf && arg1 == %d' % FRAME, "self->buf + 42"),
    ("web:syscall::recvfrom:return", 'self->buf && (int)arg1 > 0', "self->buf"),
]
SCRIPT = """
web:syscall::recvfrom:entry, db:syscall::recvfrom:entry /execname == "exercise"/ { self->buf = arg1; }
host:syscall::recvfrom:entry /guestname != ""/ { self->buf = arg1; }
""" + "\n".join("%s /%s/ { %s }" % (probe, predicate, SAY % (i, where)) for i, (probe, predicate, where) in enumerate(STEPS))


need_host()
with guestlib.Guests() as g:
    web = g.start("web")
    db = g.start("db", kernel="6.12")
    g.wait(120)
    db.check("exercise pong 7000 >/tmp/pong 2>&1 & while ! grep -q ready /tmp/pong; do sleep 0.1; done")
    with Trace(SCRIPT, ["web", "db", "host"], ["-x", "bufpolicy=block", "-x", "bufsize=16m", "-x", "switchrate=20hz"]) as t:
        r = web.run("exercise ping 10.0.0.2 7000 %d" % (ROUNDS + 1), timeout=500)
        out, err = t.stop(120)
    assert r.status == 0, r.err
    assert t.status == 0, err
    pairs, bad = inversions(out, ROUNDS, len(STEPS))
    print("%d pairs; inversions: %d in sequence, %d in time, %d in the variable, %d in the output" % ((pairs,) + tuple(bad)))
    print("packets sent again: %d; %d us a round" % (r["again"], r["ns"] / 1000 / (ROUNDS + 1)))
    print(err)
    assert "drop" not in err, err
    assert pairs == len(STEPS) * ROUNDS - 1 and not any(bad), (pairs, bad)
