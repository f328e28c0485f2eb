# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 200
"""What goes wrong with the host is said in so many words, with what to do; and who may not trace the host can still trace
guests."""

import os
import re
import shutil
import subprocess
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from hosttest import need_host  # noqa: E402
from trace import dvirt  # noqa: E402

NOBODY = 65534


def refused(args, *patterns, status=1, env=None):
    s, out, err = dvirt(*args, env=env)
    print("$ dvirt %s\n%s" % (" ".join(args)[:200], err))
    assert s == status, (" ".join(args)[:200], s, out, err)
    for p in patterns:
        assert re.search(p, err, re.M), (" ".join(args)[:200], p, err)
    # Sentences, not what the kernel's verifier thinks along its way.
    assert "Sanitizer" not in err and len(err) < 1000 and not re.search(r"R\d+_w|processed \d+ insns|^\d+: \(", err, re.M), err


need_host()
END = " tick-10s { exit(0); }"

# Tracepoints and functions that are not there.
refused(["-n", "host:rawtp:::sched_swich"], "no tracepoint sched_swich", "sched_switch")
refused(["-n", "host:sdt:block::sched_switch"], "group sched")
refused(["-n", "host:syscall::getpppid:entry"], "getppid")
refused(["-n", "host:nosuch:::entry"], "host:nosuch")
refused(["-n", "host:rawtp:::sched_switch { trace(args[9]); }"], r"args\[", "has 4|has 3")
refused(["-n", "host:rawtp:::sched_switch { trace(args[1]->nosuch); }"], "struct task_struct", "nosuch")

# Clauses that are too large: for a program, for the kernel's verifier.
refused(["-n", "host:syscall::getppid:entry { %s }%s" % ('printf("%s %d\\n", execname, pid); ' * 2000, END)],
        "clause is too large for a kernel program", "^hint: .*split it")
refused(["-n", "".join("host:syscall::getppid:entry /pid == %d/ { @[execname, %d] = count(); }\n" % (i, i) for i in range(400)) + END],
        "cannot trace machine 'host'", "too many", "^hint: .*split it")

# A process that is gone.
p = subprocess.Popen(["true"])
p.wait()
refused(["-p", str(p.pid), "-n", "BEGIN"], "there is no process %d" % p.pid)
refused(["-n", "pid%d:a.out:main:entry" % p.pid], "there is no process %d" % p.pid)
refused(["-p", "banana", "-n", "BEGIN"], "banana", status=2)

refused(["doctor", "banana"], "banana", status=2)

# The host is left out by whoever says so.
no = {"DVIRT_HOST": "no"}
refused(["-n", "host:syscall:::entry"], "host cannot be traced", "DVIRT_HOST=no", env=no)
s, out, err = dvirt("ps", "-v", env=no)
assert s == 0 and re.search(r"^host +ebpf +no ", out, re.M) and "DVIRT_HOST=no" in out, (out, err)
s, out, err = dvirt("-qn", 'BEGIN { printf("here\\n"); exit(0); }', env=no)
assert s == 0 and "here" in out and not err, (out, err)

# Somebody who may not trace the host, and whose guest this is. The programs may lie where only root can read.
run = os.path.join(os.environ["DVIRT_RUNDIR"], "nobody")
tools = run + "/tools"
os.makedirs(tools)
for f in ("dvirt", "dvirt-qemu.so"):
    shutil.copy(os.path.join(os.environ["DVIRT_BUILD"], f), tools)
setpriv = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--inh-caps=-all"]
with open(tools + "/qemu", "w") as f:
    f.write("#!/bin/sh\nchown -R %d . ../.net\nexec %s %s \"$@\"\n" % (
        NOBODY, " ".join(setpriv), os.environ.get("DVIRT_QEMU", "qemu-system-x86_64")))
os.chmod(tools + "/qemu", 0o755)
os.chown(run, NOBODY, NOBODY)
for d in (os.environ["DVIRT_RUNDIR"], run, tools):
    os.chmod(d, 0o711 if d != run else 0o700)
os.chown(tools, NOBODY, NOBODY)
os.environ.update(DVIRT_QEMU=tools + "/qemu", DVIRT_BUILD=tools, DVIRT_RUN=run + "/run", DVIRT_RUNDIR=run)
env = dict(os.environ, HOME="/nonexistent", DVIRT_CACHE_DIR=run + "/cache")


def as_nobody(*args):
    p = subprocess.run(setpriv + [tools + "/dvirt"] + list(args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=60, env=env)
    print("nobody$ dvirt %s\n%s%s" % (" ".join(args), p.stdout, p.stderr))
    return p.returncode, p.stdout, p.stderr


os.makedirs(run + "/run", mode=0o711)
os.chown(run + "/run", NOBODY, NOBODY)
with guestlib.Guests() as g:
    web = g.start("web")
    web.wait(120)
    s, out, err = as_nobody("ps")
    assert s == 0 and re.search(r"^web +qemu +ready", out, re.M) and not re.search(r"^host .*ready", out, re.M), (out, err)
    s, out, err = as_nobody("ps", "-v")
    assert re.search(r"^host +ebpf +no ", out, re.M) and re.search("cannot be traced: .*root.*BPF and PERFMON", out), out
    s, out, err = as_nobody("doctor")
    assert s == 1 and re.search(r"^  NO   programs that read the kernel.*BPF and PERFMON", out, re.M) and not err, (out, err)
    script = "syscall:::entry { @[vmname] = count(); n++; } tick-100ms /n > 20/ { exit(0); }"
    s, out, err = as_nobody("-qn", script)
    assert s == 0 and re.search(r"^ +web +\d+$", out, re.M) and "host" not in out and "error" not in err, (out, err)
    s, out, err = as_nobody("-n", "host:syscall:::entry")
    assert s == 1 and "host cannot be traced" in err and "BPF and PERFMON" in err, err
    s, out, err = as_nobody("-n", "web:syscall:::entry, host:rawtp:::sched_switch { n++; }")
    assert s == 1 and "host cannot be traced" in err, err
    # A program of another user's.
    s, out, err = as_nobody("-n", "pid1:::entry")
    assert s == 1 and "1" in err and len(err) < 1000, err
