# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
"""The host's kernel and two guests in one session: a packet's way from one guest through both QEMU processes to the other
is one order; clauses of the host know which guest and which virtual CPU a thread serves; guests that come and go."""

import os
import re
import subprocess
import sys
import time

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import DVIRT, Trace, dvirt, table  # noqa: E402

status, out, err = dvirt("ps")
if not re.search(r"^host +\w+ +ready", out, re.M):
    print("skipped: the host cannot be traced here: %s" % (err or out).strip().splitlines()[-1])
    sys.exit(77)

# Each step waits for the one before it, through variables that all machines share.
WAY = r"""
    web:fbt::dev_hard_start_xmit:entry /args[0]->protocol == 0x0008/ { asked++; printf("1 web sends\n"); }
    host:syscall::sendto:entry /guestname == "web" && asked > out/ { out++; printf("2 its QEMU sends\n"); }
    host:syscall::recvfrom:entry /guestname == "db" && out > in/ { in++; printf("3 db's QEMU receives\n"); }
    db:fbt::icmp_rcv:entry /in > got/ { got++; printf("4 db has it\n"); }
    db:fbt::dev_hard_start_xmit:entry /args[0]->protocol == 0x0008/ { answered++; printf("5 db answers\n"); }
    host:syscall::sendto:entry /guestname == "db" && answered > back/ { back++; printf("6 its QEMU sends\n"); }
    host:syscall::recvfrom:entry /guestname == "web" && back > home/ { home++; printf("7 web's QEMU receives\n"); }
    web:fbt::icmp_rcv:entry /home > done/ { done++; printf("8 web has it\n"); }
"""


def one_order(web):
    web.check("ping -c 1 10.0.0.2") # each knows the other's address
    with Trace(WAY, ["host", "web", "db"]) as t:
        web.check("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do ping -c 1 10.0.0.2; done")  # one by one
        out, err = t.stop()
    steps = [x.split()[0] for x in out.splitlines() if x]
    assert steps == [str(i) for i in range(1, 9)] * 20, (out, err)
    assert "drop" not in err, err


def threads(web, db):
    """hosttid in a guest and in the host's clauses is the same thread's number."""
    with Trace(r"""
        web:syscall::getppid:entry { thread[cpu] = hosttid; }
        host:syscall:::entry /guestname == "web" && guestvcpu >= 0 && thread[guestvcpu]/ {
            @[guestvcpu, hosttid == thread[guestvcpu] && hosttid == tid] = count(); }
        host:syscall:::entry /guestname != "" && pid != %d && pid != %d/ { printf("wrong: %%s is %%d\n", guestname, pid); }
        """ % (web.pid(), db.pid()), ["host", "web", "db"]) as t:
        for i in range(2):
            web.check("taskset %d exercise getppid 100" % (1 << i))
        web.check("for i in 1 2 3 4 5 6 7 8 9; do sleep 0.05; taskset 1 true; taskset 2 true; done")
        out, err = t.stop()
    rows = table(out)
    assert rows and all(k[1] == "1" for k in rows) and "wrong" not in out, (out, err)
    assert {k[0] for k in rows} == {"0", "1"}, (out, err)


def late(g):
    """A guest that joins is known to the host's clauses, one that has gone no more."""
    with Trace('host:syscall:::entry /guestname == "late"/ { @[guestname] = count(); n++; } '
               'tick-100ms { printf("n %d\\n", n); }', ["host", "web", "late"]) as t:
        v = g.start("late", ip=[], peer=[], run=[])
        v.wait(120)
        t.expect_err("machine 'late' has joined", timeout=120)
        v.check("echo on")
        time.sleep(0.5)
        v.kill()
        v.stop()
        t.expect_err("machine 'late' has gone")
        out, err = t.stop()
    assert table(out)[("late",)] > 0, (out, err)


def killed(web):
    """dvirt killed with the host's and a guest's probes in: both go on, and can be traced again."""
    script = 'syscall::getppid:entry { @[vmname] = count(); }'
    for i in range(10):
        p = subprocess.Popen([DVIRT, "-q", "-M", "host", "-M", "web", "-n", script], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(0.1 * i)
        p.kill()
        p.wait()
    assert web.check("echo on", timeout=30).out == "on\n"
    with Trace(script, ["host", "web"]) as t:
        for i in range(1000):
            os.getppid()
        web.check("exercise getppid 1000")
        out, err = t.stop()
    rows = table(out)
    assert rows[("host",)] >= 1000 and rows[("web",)] >= 1000, (out, err)


with guestlib.Guests() as g:
    web = g.start("web", smp=2)
    db = g.start("db", kernel="6.12")
    g.wait(120)
    one_order(web)
    print("one order")
    threads(web, db)
    print("threads")
    late(g)
    print("late")
    killed(web)
    print("killed")
