# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 1800
"""Clauses in guests under KVM: exact counts at entries and returns of system calls, functions and a module's functions, on two
guests at once; one exit of the processor for each hit and none to the VMM; one set of variables with the host; stacks of code
byte for byte what they were afterwards, also after SIGKILL; a guest that restarts under trace; too much load; a migration, a
snapshot that is loaded."""

import os
import re
import struct
import sys
import time

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import LabTrace, table  # noqa: E402

N = 400
FUNCS = ["__x64_sys_getppid", "vfs_read", "vfs_write", "ksys_read", "do_nanosleep"]
# The first bytes of some functions, and those where some of them return.
CODE = "BEGIN { %s exit(0); }" % "".join(
    'printf("%s %s %%x %%x %%x\\n", *(uint64_t *)&%s`vmlinux`%s, ((uint64_t *)&%s`vmlinux`%s)[1], ((uint64_t *)&%s`vmlinux`%s)[2]);'
    % (g, f, g, f, g, f, g, f) for g in ("web", "db") for f in FUNCS)
COUNT = """
syscall::getppid:entry, syscall::getppid:return { @s[vmname, probename] = count(); }
syscall::getppid:entry { self->at = timestamp; @who[vmname, execname] = count(); last = pid; }
syscall::getppid:return /self->at && timestamp > self->at && arg1 == ppid/ { @good[vmname] = count(); self->at = 0; }
fbt::__x64_sys_getppid: { @f[vmname, probename] = count(); }
fbt::vfs_write:entry /strstr(stringof(args[0]->f_path.dentry->d_name.name), "vport") != NULL/ { @m[vmname, "vfs_write"] = count(); }
fbt:virtio_console:port_fops_write:entry { @m[vmname, "port_fops_write"] = count(); }
host:kvm:::exit /args[3] == "invd"/ { @x["invd"] = count(); }
host:kvm:::userspace-exit { @x["userspace"] = count(); }
"""


def code(lab):
    lab.put("/tmp/code.d", CODE)
    out = lab.check("dvirt -q -s /tmp/code.d", timeout=400).out.strip()
    assert len(out.splitlines()) == 2 * len(FUNCS), out
    return out


def getppid(lab, guest, n):
    lab.check("inner %s run exercise getppid %d" % (guest, n), timeout=400)


def disk():
    """An empty image in the qcow2 format: header, table and block of reference counts, table of tables."""
    k = 65536
    head = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, 64 << 20, 0, 1, 3 * k, k, 1, 0, 0)
    return b"".join(x.ljust(k, b"\0") for x in (head, struct.pack(">Q", 2 * k), struct.pack(">4H", 1, 1, 1, 1), b""))


class Monitor:
    """An inner guest's QEMU monitor, by a pair of pipes in the laboratory."""

    def __init__(self, lab):
        self.lab = lab
        self.options = "-chardev pipe,id=monitor,path=/tmp/monitor -mon chardev=monitor,mode=readline"
        lab.check("mkfifo /tmp/monitor.in /tmp/monitor.out; (cat /tmp/monitor.out >/tmp/monitor.text 2>&1 &) >/dev/null 2>&1 </dev/null")

    def say(self, line):
        """Returns when it has been done, with what it printed."""
        self.lab.check("echo '%s' >/tmp/monitor.in" % line, timeout=60)

    def wait(self, text, timeout=200):
        end = time.monotonic() + timeout
        while text not in self.lab.check("cat /tmp/monitor.text").out:
            assert time.monotonic() < end, self.lab.check("cat /tmp/monitor.text").out
            time.sleep(0.2)


with guestlib.Guests() as g:
    lab = g.lab("lab", kvm=True, kernel=os.environ.get("DVIRT_LAB_KERNEL", "6.1"), inner=["web", "db:6.12"])
    lab.wait(400)
    for guest in ("web", "db"):
        lab.check("for i in 1 2 3 4; do inner %s wait && exit 0; done; exit 1" % guest, timeout=600)
    before = code(lab)

    with LabTrace(lab, COUNT, ["host", "web", "db"], timeout=900) as t:
        getppid(lab, "web", N)
        getppid(lab, "db", N)
        out, err = t.stop(timeout=400)
    print(out, err)
    assert t.status == 0 and "error" not in err and "drop" not in err, (out, err)
    n = table(out)
    for guest in ("web", "db"):
        calls = n[(guest, "entry")]
        assert n[(guest, "exercise")] == N, n
        assert out.count("%s " % guest) and calls == n[(guest, "return")] and calls >= N, n
        assert n[(guest,)] == calls, n  # each return saw what its entry had written, and the parent's number
    listed = lab.check("dvirt -l -v -n 'fbt:virtio_console:port_fops_write:entry'", timeout=300).out
    print(listed)
    for guest in re.findall(r"^ *\d+ +(web|db) ", listed, re.M):
        assert n[(guest, "port_fops_write")] == n[(guest, "vfs_write")] > 0, n
    assert re.search(r"^ *\d+ +web ", listed, re.M), listed
    # entry and return of the call and of its function are the same two places.
    rows = [int(x) for x in re.findall(r"^ +(?:web|db) +(?:entry|return) +(\d+)$", out, re.M)]
    assert len(rows) == 8 and sorted(rows[:4]) == sorted(rows[4:]), rows
    hits = sum(n[(guest, what)] for guest in ("web", "db") for what in ("entry", "return"))
    assert n[("invd",)] >= hits, (n, hits)
    assert n.get(("userspace",), 0) < hits // 2, n
    assert code(lab) == before

    # A stack, and what the hypervisor sees.
    with LabTrace(lab, "syscall::getppid:entry { @[stack(2)] = count(); } vm:::exit { @r[args[1]] = count(); }"
                  "vm:::exit /execname == \"exercise\"/ { @e[\"exercise\"] = count(); }", ["web"], timeout=600) as t:
        getppid(lab, "web", 50)
        out, err = t.stop(timeout=400)
    print(out, err)
    assert re.search(r"__(x64|do)_sys_getppid(\+0x4)?\n +vmlinux`do_syscall_64\+0x", out), out
    assert int(re.search(r"^ +invd +(\d+)$", out, re.M).group(1)) >= 50, out
    assert int(re.search(r"^ +exercise +(\d+)$", out, re.M).group(1)) >= 50, out

    # The same by the form of trap that Intel's processors need, which brings the stack pointer along.
    with LabTrace(lab, """fbt::vfs_read:entry, syscall::getppid:entry /execname == "exercise"/
        { @[probefunc, stack(2)] = count(); @same[uregs[R_RSP] == uregs[R_R11], caller == (uint64_t)*(uint64_t *)uregs[R_RSP]] = count(); }
        fbt::vfs_read:return /execname == "exercise"/ { @back = count(); }""", ["web"], env="DVIRT_KVM_SP=1", timeout=600) as t:
        lab.inner("exercise read 30; exercise getppid 30", "web")
        out, err = t.stop(timeout=400)
    print(out, err)
    assert t.status == 0 and "error" not in err and "left out" not in err, err
    n = table(out)
    reads = n[()] if () in n else 0
    assert list(k for k in n if len(k) == 2) == [("1", "1")] and n[("1", "1")] == 30 + reads and reads >= 30, n
    assert re.search(r"vmlinux`vfs_read\n +vmlinux`ksys_read\+0x", out) and re.search(r"sys_getppid(\+0x4)?\n +vmlinux`do_syscall_64\+0x", out), out
    assert code(lab) == before

    # What cannot be probed says why.
    r = lab.run("dvirt -M web -n 'fbt::do_syscall_64:entry { }'", timeout=300)
    assert r.status == 1 and "on web do_syscall_64:entry cannot be probed: " in r.err, r.err

    # Killed: the guardian makes the traps harmless, the guest goes on, and `dvirt clean` puts back what is left.
    with LabTrace(lab, "fbt::vfs_read:entry, fbt::vfs_write:entry, syscall::getppid: { @ = count(); }", ["web", "db"],
                  timeout=600) as t:
        getppid(lab, "web", 20)
        t.kill()
    end = time.monotonic() + 60
    while re.search(r" [0-9a-f]*080f(?: |$)", code(lab), re.M):  # 0f 08 at the begin
        assert time.monotonic() < end, code(lab)
    getppid(lab, "web", 20)
    lab.check("dvirt clean")
    assert code(lab) == before
    assert lab.check("ls /run/dvirt | grep -c traps || true").out.strip() == "0"

    # Too much load, and a guest that starts anew under the session.
    with LabTrace(lab, "syscall::getppid:entry { @[vmname] = count(); } syscall::sync:entry { @after[execname] = count(); }", ["web"],
                  args=["-x", "maxload=1"], timeout=600) as t:
        end = time.monotonic() + 300
        while "maxload allows 1%" not in t.read()[1]:
            assert time.monotonic() < end, t.read()
            getppid(lab, "web", 3000)
        monitor = Monitor(lab)
        lab.put("/tmp/disk", disk())
        lab.check("inner web stop; inner web start 6.1 %s -drive file=/tmp/disk,format=qcow2,if=virtio; inner web wait" % monitor.options,
                  timeout=400)
        # Its list of traps alone is left, and then they fire.
        traps = "kvm-%s.traps" % lab.check("inner web pid").out.strip()
        end = time.monotonic() + 300
        while lab.check("ls /run/dvirt | grep traps || true").out.split() != [traps]:
            assert time.monotonic() < end, (traps, lab.check("ls /run/dvirt").out, t.read())
            time.sleep(0.5)
        t.expect_err("machine 'web' has joined", 300)
        lab.inner("sync", "web")
        out, err = t.stop(timeout=400)
    print(out, err)
    assert t.status == 0 and re.search(r"1 place is removed, \S*getppid with \d+ hits a second", err), err
    assert re.search(r"^ +(busybox|sync) +1$", out, re.M), out
    assert code(lab).count("web") == len(FUNCS)

    # Memory that goes away, and comes back as it was before there were probes.
    monitor.say("savevm before")
    monitor.say("info snapshots")
    monitor.wait("List of snapshots")
    with LabTrace(lab, "syscall::getppid:entry { @[execname] = count(); }", ["web"], timeout=600) as t:
        getppid(lab, "web", 10)
        monitor.say("migrate_set_parameter max-bandwidth 1m")
        monitor.say("migrate -d exec:cat>/dev/null")
        t.expect_err("machine 'web': its memory is being copied", 100)
        getppid(lab, "web", 1000)
        monitor.say("migrate_cancel")
        t.expect_err("its probes are in again", 200)
        getppid(lab, "web", 20)
        monitor.say("loadvm before")
        t.expect_err("machine 'web' has restarted", 200)
        t.expect_err("machine 'web' has joined", 200)
        getppid(lab, "web", 40)
        out, err = t.stop(timeout=400)
    print(out, err)
    assert t.status == 0 and re.search(r"^ +exercise +70$", out, re.M), (out, err)
    lab.check("inner web run 'true'")
