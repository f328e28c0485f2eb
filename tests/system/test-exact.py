# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 400
"""Exact totals: 4 vCPUs of 2 guests at once update one global, one associative array, and aggregations; the guests' own
counts say what they must be."""

import os
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import Trace, table  # noqa: E402

N = 40000
SCRIPT = r"""
syscall::getppid:entry /execname == "exercise"/ {
	n++;
	m += 3;
	a[vmname, cpu]++;
	b["both"]++;
	c[n % 97] = n;
	self->depth++;
	@all = count();
	@cpus[vmname, cpu] = count();
	@sum = sum(7);
	@q = quantize(1);
}
syscall::getppid:return /self->depth/ { self->depth--; r++; @returns[vmname] = count(); }
END {
	printf("n %d\nm %d\nr %d\nboth %d\n", n, m, r, b["both"]);
	printf("web %d\n", a["web", 0] + a["web", 1] + a["web", 2] + a["web", 3]);
	printf("db %d\n", a["db", 0] + a["db", 1] + a["db", 2] + a["db", 3]);
	printa("all %@d\n", @all);
	printa("sum %@d\n", @sum);
	printa("cpu %s %d %@d\n", @cpus);
	printa("returns %s %@d\n", @returns);
}
"""

with guestlib.Guests() as g:
    web = g.start("web", smp=4)
    db = g.start("db", smp=4, kernel="6.12")
    g.wait(120)
    with Trace(SCRIPT, ["web", "db"]) as t:
        # Both at once.
        db.check("exercise threads 4 %d >/tmp/out 2>&1 & echo $! >/tmp/pid" % N)
        w = web.check("exercise threads 4 %d" % N, timeout=300)
        for _ in range(600):
            if db.run("kill -0 $(cat /tmp/pid)").status:
                break
            db.run("sleep 0.2")
        d = db.check("cat /tmp/out")
        out, err = t.stop()
    print(out, err)
    assert "drop" not in err and "error" not in err, err
    total = w["total"] + d["total"]
    assert total == 8 * N, (w.out, d.out)
    got = table(out)
    assert got[("n",)] == total, (got, total)
    assert got[("m",)] == 3 * total
    assert got[("r",)] == total
    assert got[("both",)] == total
    assert got[("web",)] == w["total"] and got[("db",)] == d["total"]
    assert got[("all",)] == total
    assert got[("sum",)] == 7 * total
    for vm, r in (("web", w), ("db", d)):
        assert got[("returns", vm)] == r["total"]
        assert sum(v for k, v in got.items() if k[:2] == ("cpu", vm)) == r["total"]
