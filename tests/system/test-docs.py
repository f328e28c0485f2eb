# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
"""The examples of docs/d that need guests, or the host, print what the pages show; the commands of README.md, docs/stable.md and
the man page do something and end well. DVIRT_DOCS=update in the environment writes what the examples print into the pages;
DVIRT_DOCS=WORD... takes only pages with such a word in their name."""

import glob
import os
import subprocess
import sys

import guestlib

TOP = os.environ["DVIRT_TOP"]
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
sys.path.insert(0, os.path.join(TOP, "tests", "docs"))
from commands import commands  # noqa: E402
from hosttest import can_host  # noqa: E402

SECONDS = 4


def try_commands(guest, host):
    """Ended as Ctrl-C does it after some seconds."""
    count, bad = 0, 0
    for c in commands():
        # What the hypervisor sees needs a guest under KVM: test-kvm-find.py runs these.
        if "qemu-args" in c or "vm:::" in c or (not host and ("host:" in c or "$target" in c)):
            continue
        c = c.replace("$(pidof qemu-system-x86_64)", str(guest.pid()))
        env = dict(os.environ, PATH=os.path.dirname(os.environ["DVIRT"]) + ":" + os.environ["PATH"])
        p = subprocess.run(["bash", "-c", "timeout --preserve-status -s INT %d %s" % (SECONDS, c)], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, env=env, text=True, errors="replace")
        count += 1
        # A list of the host's probes may be without what this kernel does not have; else something is printed.
        if p.returncode or "error" in p.stderr or "drops" in p.stderr or not (p.stdout or "$target" in c):
            bad += 1
            print("%s\n    status %d, %r" % (c, p.returncode, p.stderr[-1000:]))
    assert count >= 10, count
    print("%d commands of README.md, stable.md and dvirt(1), %d failed" % (count, bad))
    return bad


words = os.environ.get("DVIRT_DOCS", "").split()
update = "update" in words
words = [w for w in words if w != "update"]
pages = [p for p in sorted(glob.glob(os.path.join(TOP, "docs", "d", "*.md")))
         if not words or any(w in os.path.basename(p) for w in words)]

with guestlib.Guests() as g:
    web, db = g.start("web"), g.start("db")
    g.wait()
    # As ./demo does it.
    web.check("exercise as client redis 10.0.0.2 6379 0 20 >/dev/null 2>&1 &")
    db.check("exercise as browser http 10.0.0.1 80 0 50 >/dev/null 2>&1 &")
    host = can_host()
    argv = [sys.executable, os.path.join(TOP, "tests", "docs", "examples.py"), "--dvirt", os.environ["DVIRT"], "--on", "guest"]
    argv += (["--on", "host"] if host else []) + (["--update"] if update else [])
    status = subprocess.run(argv + pages).returncode
    if not words and not update:
        status |= try_commands(db, host)
    sys.exit(1 if status else 0)
