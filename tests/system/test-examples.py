# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 240
"""Every script in examples/ runs on two guests with traffic between them, prints what it is for, and ends by itself; those
that also look at the host, on the host as well, where it can be traced."""

import glob
import os
import re
import subprocess
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from hosttest import can_host  # noqa: E402
from trace import Trace, dvirt, table  # noqa: E402

EXPECT = {"syscalls": "redis-server", "netlat": "web to db", "cross": "web: it has the answer", "log": "redis-server",
          "stolen": r"(?m)^web +\w\S* +.* \d+ +\d+ +\d+$", "twosched": r"(?m)^web +\d+ +\d+ +\d+$", "twoio": "requests of guests",
          "nettwice": r"web to db: \d+ bytes", "exits": "REASON|no VM exits"}
ON_HOST = {"stolen", "twosched", "twoio", "nettwice", "exits"}
DISK = os.path.join(os.environ["DVIRT_TMP"], "disk")


def host_device(path):
    """Is there a block device of the host's under this file, whose requests are seen?"""
    with Trace("host:io:::start { @[execname] = count(); }", ["host"]) as t:
        subprocess.run(["dd", "if=/dev/zero", "of=" + path, "bs=4k", "count=20", "oflag=direct", "conv=notrunc", "status=none"])
        out, err = t.stop()
    return table(out).get(("dd",), 0) >= 20


def runs(script, on_host):
    machines = ["-M", "web", "-M", "db"] + (["-M", "host"] if on_host else [])
    status, out, err = dvirt(*machines, "-s", script, timeout=60)
    assert status == 0 and "error" not in err and "drop" not in err, (script, status, err)
    return out


def each_leg(out, *legs):
    """Each leg has a distribution, and time only goes forward."""
    for leg in legs:
        for part in re.findall(r"(?m)^(.*%s.*)$" % re.escape(leg), out):
            rows = [int(x) for x in re.findall(r"(?m)^ *(-?\d+) +\|", out.split(part, 1)[1].split("\n\n")[0])]
            assert rows and min(rows) >= 0, (part, out)
        assert leg in out, (leg, out)


with guestlib.Guests() as g:
    with open(DISK, "wb") as f:
        f.write(bytes(4 << 20))
        os.fsync(f.fileno())
    direct = subprocess.run(["dd", "if=" + DISK, "of=/dev/null", "bs=4k", "count=1", "iflag=direct", "status=none"]).returncode == 0
    web = g.start("web", extra=["-drive", "file=%s,if=none,id=disk,format=raw,cache=%s" % (DISK, "none" if direct else "writeback"),
                                "-device", "virtio-blk-pci,drive=disk"])
    db = g.start("db", kernel="6.12")
    g.wait(120)
    web.check("exercise as client redis 10.0.0.2 6379 0 20 >/dev/null 2>&1 &")
    db.check("exercise as browser http 10.0.0.1 80 0 50 >/dev/null 2>&1 &")
    web.check("while :; do dd if=/dev/zero of=/dev/vda bs=4k count=50 oflag=direct 2>/dev/null; sleep 0.1; done >/dev/null 2>&1 &")
    host = can_host()
    scripts = sorted(glob.glob(os.path.join(os.environ["DVIRT_TOP"], "examples", "*.d")))
    assert len(scripts) >= len(EXPECT), scripts
    for s in scripts:
        name = os.path.basename(s)[:-2]
        if name in ON_HOST and not host:
            continue
        out = runs(s, name in ON_HOST)
        print("== %s\n%s" % (name, out))
        assert re.search(EXPECT.get(name, ""), out) and (len(out.splitlines()) > 3 or name == "exits"), (s, out)
        if name == "netlat":
            assert out.count("Distribution") == 2, out
        elif name == "log":
            # One order: the log's first column only grows.
            seq = [int(x.split()[0]) for x in out.splitlines() if x.split() and x.split()[0].isdigit()]
            assert len(seq) > 5 and seq == sorted(seq) and len(set(seq)) == len(seq), out
            assert " web " in out and " db " in out, out
        elif name == "nettwice":
            each_leg(out, "web to db: 1. ", "web to db: 2. ", "web to db: 3. ", "db to web: 1. ", "db to web: 2. ", "db to web: 3. ")
        elif name == "twoio":
            done, of_host = map(int, re.search(r"(\d+) requests of guests, (\d+)", out).groups())
            assert done > 20, out
            if direct and host_device(DISK):
                assert of_host >= done * 0.8, out
                each_leg(out, "web: 1. ", "web: 2. ", "web: 3. ", "web: 4. ")
            else:
                print("no block device of the host's is under %s" % DISK)
    if not host:
        print("without the host, which cannot be traced here")
