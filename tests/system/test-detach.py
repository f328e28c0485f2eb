# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 200
"""A session that ends while QEMU is in the middle of translating a block, which it then gives up: the guest goes on."""

import os
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import Trace  # noqa: E402

ROUNDS = 25

with guestlib.Guests() as g:
    web = g.start("web", smp=2)
    web.wait(120)
    # Nearly all the time a page is on its way that an instruction ends on.
    web.check("for i in 1 2; do exercise straddle 1000000000 >/dev/null 2>&1 & done")
    for i in range(ROUNDS):
        with Trace("syscall::getppid:entry { n++; }", ["web"]) as t:
            out, err = t.stop()
        assert t.status == 0 and "gone" not in err, (i, err)
        assert web.check("exercise getppid 100", timeout=30)["getppid"] == 100, i
    assert web.check("ps | grep -c '[e]xercise straddle'").out.strip() == "2"
    print("%d sessions" % ROUNDS)
