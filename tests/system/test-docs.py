# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
"""The examples of docs/d that need guests, or the host, print what the pages show. DVIRT_DOCS=update in the environment writes
what they print into the pages; DVIRT_DOCS=WORD... takes only pages with such a word in their name."""

import glob
import os
import subprocess
import sys

import guestlib

TOP = os.environ["DVIRT_TOP"]
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
from hosttest import can_host  # noqa: E402

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
    argv = [sys.executable, os.path.join(TOP, "tests", "docs", "examples.py"), "--dvirt", os.environ["DVIRT"], "--on", "guest"]
    argv += (["--on", "host"] if can_host() else []) + (["--update"] if update else [])
    sys.exit(subprocess.run(argv + pages).returncode)
