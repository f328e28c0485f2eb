# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 200
"""Every script in examples/ runs on two guests with traffic between them, prints something, and ends by itself."""

import glob
import os
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import dvirt  # noqa: E402

EXPECT = {"syscalls": "redis-server", "netlat": "web to db", "cross": "web: it has the answer", "log": "redis-server"}

with guestlib.Guests() as g:
    web = g.start("web")
    db = g.start("db", kernel="6.12")
    g.wait(120)
    web.check("exercise as client redis 10.0.0.2 6379 0 20 >/dev/null 2>&1 &")
    db.check("exercise as browser http 10.0.0.1 80 0 50 >/dev/null 2>&1 &")
    scripts = sorted(glob.glob(os.path.join(os.environ["DVIRT_TOP"], "examples", "*.d")))
    assert len(scripts) >= 4, scripts
    for s in scripts:
        status, out, err = dvirt("-M", "web", "-M", "db", "-s", s, timeout=60)
        name = os.path.basename(s)[:-2]
        assert status == 0 and "error" not in err, (s, status, err)
        assert EXPECT.get(name, "") in out and len(out.splitlines()) > 3, (s, out, err)
        print("%s: %d lines" % (name, len(out.splitlines())))
    status, out, err = dvirt("-M", "web", "-M", "db", "-s", [s for s in scripts if "netlat" in s][0], timeout=60)
    assert out.count("Distribution") == 2, out
    # One order: the log's first column only grows.
    status, out, err = dvirt("-M", "web", "-M", "db", "-s", [s for s in scripts if "log" in s][0], timeout=60)
    seq = [int(x.split()[0]) for x in out.splitlines() if x.split() and x.split()[0].isdigit()]
    assert len(seq) > 5 and seq == sorted(seq) and len(set(seq)) == len(seq), out
    assert " web " in out and " db " in out, out
