# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 240
"""The test guests themselves: both kernels, machine types, sizes; network; services."""

import guestlib

with guestlib.Guests() as g:
    web = g.start("web")
    db = g.start("db", kernel="6.12", smp=4, mem="8G", machine="pc")
    g.wait(120)
    assert web.check("uname -r").out.startswith("6.1."), "kernel of web"
    assert db.check("uname -r").out.startswith("6.12."), "kernel of db"
    assert db.check("nproc").out == "4\n"
    r = web.run("echo out; echo err >&2; exit 7")
    assert (r.status, r.out, r.err) == (7, "out\n", "err\n"), (r.status, r.out, r.err)

    # Nothing is lost or mixed up in much output, nor by commands that run at once.
    assert len(web.check("head -c 300000 /dev/zero | tr '\\0' x").out) == 300000
    try:
        web.run("sleep 60", timeout=0.5)
        raise SystemExit("a time limit did not end the command")
    except guestlib.Error as e:
        assert "no end within" in str(e), e
    assert web.run("echo next").out == "next\n"
    assert web.run("pidof sleep").out == "", "the command outlived its limit"

    assert web.check("exercise redis 10.0.0.2 6379 100")["requests"] == 100
    assert db.check("exercise http 10.0.0.1 80 10")["requests"] == 10
    db.check("exercise pong 7000 500 >/tmp/pong 2>&1 &")
    assert web.check("exercise ping 10.0.0.2 7000 500")["rounds"] == 500
    r = db.check("exercise threads 4 10000 read")
    assert r["total"] == 40000 and r.out.count("thread ") == 4
    assert db.check("exercise files 3")["execs"] == 3

    pid = db.pid()
    db.kill()
    db.stop()
    assert db.pid() is None and web.check("echo on").out == "on\n"
print("guests work")
