# SPDX-License-Identifier: GPL-2.0-or-later
"""What the scripts in examples/ have to print, traced are the guests web and db with their clients, and for some the host."""

import glob
import os
import re

EXPECT = {"syscalls": "redis-server", "netlat": "web to db", "cross": "web: it has the answer", "log": "redis-server",
          "stolen": r"(?m)^web +\w\S* +.* \d+ +\d+ +\d+$", "twosched": r"(?m)^web +\d+ +\d+ +\d+$", "twoio": "requests of guests",
          "nettwice": r"web to db: \d+ bytes", "exits": "REASON|no VM exits"}
ON_HOST = {"stolen", "twosched", "twoio", "nettwice", "exits"}
LEGS = ("1. TCP to QEMU's system call", "2. through the host", "3. QEMU to TCP")


def scripts():
    """Their names and paths."""
    found = {os.path.basename(s)[:-2]: s for s in glob.glob(os.path.join(os.environ["DVIRT_TOP"], "examples", "*.d"))}
    assert set(EXPECT) <= set(found), found
    return sorted(found.items())


def distributions(out, title):
    """Each part that begins with such a line has one, and time only goes forward."""
    assert title in out, (title, out)
    for part in re.findall(r"(?m)^(.*%s.*)$" % re.escape(title), out):
        rows = [int(x) for x in re.findall(r"(?m)^ *(-?\d+) +\|", out.split(part, 1)[1].split("\n\n")[0])]
        assert rows and min(rows) >= 0, (part, out)


def check(name, out):
    assert re.search(EXPECT.get(name, ""), out) and (len(out.splitlines()) > 3 or name in ("exits", "twoio")), (name, out)
    if name == "netlat":
        assert out.count("Distribution") == 2, out
        for way in ("web to db, in ns", "db to web, in ns"):
            distributions(out, way)
    elif name == "log":
        # One order: the log's first column only grows.
        seq = [int(x.split()[0]) for x in out.splitlines() if x.split() and x.split()[0].isdigit()]
        assert len(seq) > 5 and seq == sorted(seq) and len(set(seq)) == len(seq), out
        assert " web " in out and " db " in out, out
    elif name == "nettwice":
        for way in ("web to db: ", "db to web: "):
            for leg in LEGS:
                distributions(out, way + leg)
