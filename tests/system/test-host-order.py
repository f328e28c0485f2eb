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
from trace import Trace, inversions, round_trip  # noqa: E402

ROUNDS = int(os.environ.get("DVIRT_ORDER_ROUNDS", "25050"))


need_host()
with guestlib.Guests() as g:
    web = g.start("web")
    db = g.start("db", kernel="6.12")
    g.wait(120)
    db.check("exercise pong 7000 >/tmp/pong 2>&1 & while ! grep -q ready /tmp/pong; do sleep 0.1; done")
    script, steps = round_trip("web", "db")
    with Trace(script, ["web", "db", "host"], ["-x", "bufpolicy=block", "-x", "bufsize=16m", "-x", "switchrate=20hz"]) as t:
        r = web.run("exercise ping 10.0.0.2 7000 %d" % (ROUNDS + 1), timeout=500)
        out, err = t.stop(120)
    assert r.status == 0, r.err
    assert t.status == 0, err
    pairs, bad = inversions(out, ROUNDS, steps)
    print("%d pairs; inversions: %d in sequence, %d in time, %d in the variable, %d in the output" % ((pairs,) + tuple(bad)))
    print("packets sent again: %d; %d us a round" % (r["again"], r["ns"] / 1000 / (ROUNDS + 1)))
    print(err)
    assert "drop" not in err, err
    assert pairs == steps * ROUNDS - 1 and not any(bad), (pairs, bad)
