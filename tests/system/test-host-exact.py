# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 400
# alone
"""Exact totals where guests and the host's kernel write the same state at the same moment: four virtual CPUs of each of two
guests and all CPUs of the host update one global, associative arrays and aggregations; the programs' own counts say what
they must be."""

import os
import subprocess
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from hosttest import compile_program, need_host  # noqa: E402
from trace import Trace, table  # noqa: E402

N = 30000
ROUNDS = 5  # host-loop makes N calls in each
PROGRAMS = 2 * (os.cpu_count() or 1)
SCRIPT = r"""
syscall::getppid:entry /execname == "exercise" || execname == "host-exact"/ {
	n++;
	m += 3;
	x ^= 1;
	a[vmname]++;
	b["all"] += 2;
	self->depth++;
	@all = count();
	@by[vmname] = count();
	@sum = sum(7);
	@q = quantize(1);
}
syscall::getppid:return /self->depth/ { self->depth--; r++; @returns[vmname] = count(); }
END {
	printf("n %d\nm %d\nr %d\nx %d\nb %d\n", n, m, r, x, b["all"]);
	printf("a web %d\na db %d\na host %d\n", a["web"], a["db"], a["host"]);
	printa("all %@d\n", @all);
	printa("sum %@d\n", @sum);
	printa("by %s %@d\n", @by);
	printa("returns %s %@d\n", @returns);
}
"""

need_host()
loop = compile_program("bench/host-loop.c")
with guestlib.Guests() as g:
    web = g.start("web", smp=4)
    db = g.start("db", smp=4, kernel="6.12")
    g.wait(120)
    with Trace(SCRIPT, ["web", "db", "host"]) as t:
        # All at once; the host is faster: it goes on as long as the guests do.
        for guest in (web, db):
            guest.check("exercise threads 4 %d >/tmp/out 2>&1 & echo $! >/tmp/pid" % N)
        calls, rounds = 0, 0
        while rounds < 3 or rounds < 100 and not any(guest.run("kill -0 $(cat /tmp/pid)").status for guest in (web, db)):
            programs = [subprocess.Popen([loop, str(N), "host-exact"], stdout=subprocess.DEVNULL) for _ in range(PROGRAMS)]
            for p in programs:
                assert p.wait(60) == 0
            calls += PROGRAMS * ROUNDS * N
            rounds += 1
        for guest in (web, db):
            for _ in range(600):
                if guest.run("kill -0 $(cat /tmp/pid)").status:
                    break
                guest.run("sleep 0.1")
        w, d = (guest.check("cat /tmp/out") for guest in (web, db))
        out, err = t.stop()
    print(out, err, "%d rounds on the host" % rounds)
    assert t.status == 0 and "drop" not in err and "error" not in err, err
    each = {"web": w["total"], "db": d["total"], "host": calls}
    assert each["web"] == each["db"] == 4 * N, each
    total = sum(each.values())
    got = table(out)
    want = {"n": total, "m": 3 * total, "r": total, "x": total % 2, "b": 2 * total, "all": total, "sum": 7 * total}
    assert {k: got[(k,)] for k in want} == want, (got, want)
    for what in ("a", "by", "returns"):
        assert {k: got[(what, k)] for k in each} == each, (what, got, each)
