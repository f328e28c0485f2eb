# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 300
"""What goes wrong is said in so many words, with the thing's name and what to do, and the right exit status."""

import os
import re
import socket
import subprocess
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import DVIRT, dvirt  # noqa: E402

TMP = os.environ["DVIRT_TMP"]


def refused(args, *patterns, status=1, env=None):
    s, out, err = dvirt(*args, env=env)
    print("$ dvirt %s\n%s" % (" ".join(args), err))
    assert s == status, (args, s, out, err)
    for p in patterns:
        assert re.search(p, err), (args, p, err)
    assert "Sanitizer" not in err and len(err) < 5000, err


# Without any guest.
refused(["-n", "web:syscall:::entry"], "no machine|no guest|does not match", "qemu-args")
refused(["-s", TMP + "/missing.d"], "missing.d", "No such file")
refused(["-n", "BEGIN { x = ; }"], r"-n:1:\d+", "x = ;", r"\^")
refused(["-n", "BEGIN { panic(); }"], r"panic\( \) is not supported", "1:9")
refused(["-n", "BEGIN { trace(nosuch); }"], "nosuch")
refused(["-n", 'BEGIN { trace("a" * 2); }'], r"1:\d+")
refused(["-n", "BEGIN { trace(timestam); }"], "timestamp")
refused(["-x", "nosuch=1", "-n", "BEGIN{}"], "nosuch")
refused(["-x", "strsize=banana", "-n", "BEGIN{}"], "strsize", "banana")
refused(["-x", "statesize=64k", "-n", "BEGIN{ x = 1; }"], "statesize")
refused(["--nosuch"], "nosuch", status=2)
refused(["-n"], "-n", status=2)
refused(["-M", "nosuch", "-n", "syscall:::entry"], "nosuch")
refused(["qemu-args"], "NAME", status=2)
refused(["qemu-args", "a/b"], "a/b", status=2)
s, out, err = dvirt("-n", "BEGIN { exit(7); }")
assert s == 7, (s, err)
refused(["-o", "/dev/full", "-n", "tick-10ms { trace(1); }"], "cannot write the output", "No space left")

with guestlib.Guests() as g:
    web = g.start("web")
    g.wait(120)
    refused(["-n", "web:fbt::no_such_function:entry"], "no_such_function")
    refused(["-n", "web:fbt::vfs_raed:entry"], "vfs_read")
    refused(["-n", "nosuchmachine:fbt::vfs_read:entry"], "nosuchmachine")
    refused(["-n", "web:nosuchprovider:::entry"], "nosuchprovider")
    refused(["-M", "web", "-n", "fbt::vfs_read:entry { trace(args[0]->nosuch); }"], "nosuch", "struct file")
    refused(["-M", "web", "-n", "fbt::vfs_read:entry { trace(args[0]->f_pth); }"], "f_path")
    refused(["-M", "web", "-n", "fbt::vfs_read:entry { trace(args[9]); }"], r"args\[9\]|args\[\s*\]")
    refused(["-M", "web", "-n", "fbt::vfs_read:entry { trace(((struct nosuch *)arg0)->x); }"], "struct nosuch")
    refused(["-M", "web", "-n", "fbt::vfs_read:entry { trace(`no_such_variable); }"], "no_such_variable")
    refused(["-M", "web", "-n", "fbt::vfs_read:entry { x = 1; x = \"s\"; }"], r"1:\d+")

    # A second QEMU with the same name: it runs, untraced, and says why.
    before = dvirt("ps")[1]
    argv = web.command(ip=[], peer=[], run=[])
    p = subprocess.Popen([x for x in argv if True], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         cwd=TMP)
    try:
        os.set_blocking(p.stderr.fileno(), True)
        line = p.stderr.readline().decode()
        print(line)
        assert "web" in line and ("exists" in line or "already" in line), line
        assert dvirt("ps")[1] == before
    finally:
        p.kill()
        p.wait()
        p.stderr.close()

    # A dead socket in the folder of control sockets is no machine, and does no harm.
    run = tempdir = TMP + "/rundir"
    os.mkdir(tempdir, 0o700)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind(tempdir + "/dead.sock")
    s.close()
    st, out, err = dvirt("ps", "-v", env={"DVIRT_RUNDIR": tempdir})
    print(out, err)
    assert "dead" in out and "answer" in out, (out, err)
    refused(["-n", "web:syscall:::entry"], "no machine|no guest|does not match", env={"DVIRT_RUNDIR": tempdir})

    # No permission: somebody else's folder.
    if os.geteuid() == 0:
        os.chmod(TMP, 0o755)
        st = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", DVIRT, "ps", "-v"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=dict(os.environ, DVIRT_RUNDIR=os.environ.get("DVIRT_RUNDIR", "/run/dvirt")))
        print(st.stdout.decode(), st.stderr.decode())
        assert "ermission" in (st.stdout + st.stderr).decode(), "permission"
