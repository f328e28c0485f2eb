# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 240
"""Every script in examples/ runs on two guests with traffic between them, prints what it is for, and ends by itself; those
that also look at the host, on the host as well, where it can be traced."""

import os
import re
import subprocess
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from examples import ON_HOST, check, distributions, scripts  # noqa: E402
from hosttest import can_host  # noqa: E402
from trace import Trace, dvirt, table  # noqa: E402

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
    for name, path in scripts():
        if name in ON_HOST and not host:
            continue
        out = runs(path, name in ON_HOST)
        print("== %s\n%s" % (name, out))
        check(name, out)
        if name == "twoio":
            done, of_host = map(int, re.search(r"(\d+) requests of guests, (\d+)", out).groups())
            assert done > 20, out
            if direct and host_device(DISK):
                assert of_host >= done * 0.8, out
                for leg in ("web: 1. ", "web: 2. ", "web: 3. ", "web: 4. "):
                    distributions(out, leg)
            else:
                print("no block device of the host's is under %s" % DISK)
    if not host:
        print("without the host, which cannot be traced here")
