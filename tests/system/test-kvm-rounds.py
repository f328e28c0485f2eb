# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 1800
"""Two hundred times traps at hundreds of places of a guest's kernel under KVM, and out again, with two virtual CPUs and programs
that keep them busy; then dvirt and what does the same by itself killed at random moments, and `dvirt clean`. Afterwards the
guest's code is byte for byte what it was, all of it; its programs came to the right results, its kernel had nothing to
complain about, and the host's kernel has no program, map or link left."""

import os
import random
import re
import sys
import time

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import LabTrace  # noqa: E402

TOOL = os.path.join(os.environ["DVIRT_BUILD"], "tests", "machine", "kvm_rounds")
ROUNDS = int(os.environ.get("DVIRT_ROUNDS", "200"))
FUNCTIONS = 200
KILLS, TOOL_KILLS = 6, 5
# Programs that are run over and over, and what they print; none of it: whatever, but always the same.
WORK = {
    "files": ("exercise files 3", "mounts 1 opens 3 execs 3 unlinks 3"),
    "turns": ("exercise turns 40", "turns 80"),
    "threads": ("exercise threads 2 100 read", "total 200"),
    "sum": ("head -c 100000 /bin/busybox | gzip | gunzip | md5sum", None),
}
LOOP = r"""while [ ! -e /tmp/stop ]; do echo $({ %s; } 2>&1 | grep -v -E "^(ns|pid|thread) ") >>/tmp/%s.all; done >/dev/null 2>&1 &"""
# A guest that its host keeps waiting says so; all else is ours.
BAD = "BUG: (?!soft lockup)|Oops|general protection|invalid opcode|WARNING: CPU|Bad page|segfault|unable to handle|int3|orrupt|traps: "
SCRIPT = "fbt::vfs_*:, fbt::ksys_*:, fbt::do_sys_*:, syscall:::, fbt:virtio_console:: { @[probefunc, probename] = count(); }"


class Code:
    """The code of a guest's kernel: vmlinux's from the memory of its QEMU, where it lies in it by the guest's own word, without
    any of dvirt's; and as dvirt sees it, with that of modules."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.pid = lab.check("inner %s pid" % name).out.strip()
        at = re.search(r"^ *([0-9a-f]+)-([0-9a-f]+) : Kernel code", lab.inner("cat /proc/iomem", name, 300).out, re.M)
        begin, end = (int(x, 16) for x in at.groups())
        for m in re.finditer(r"^([0-9a-f]+)-([0-9a-f]+) rw-p 0+ 00:00 0 *$", lab.check("cat /proc/%s/maps" % self.pid).out, re.M):
            if int(m.group(2), 16) - int(m.group(1), 16) == 256 << 20:
                self.page = (int(m.group(1), 16) + begin) >> 12
        self.pages = (end - begin) >> 12
        self.sum = self.copy("before")
        lab.check("kvm_rounds %s text /tmp/code.all" % name, 300)
        # These two are the same bytes.
        assert lab.check("head -c %d /tmp/code.all | md5sum" % (self.pages << 12), 300).out.split()[0] == self.sum

    def copy(self, what):
        return self.lab.check("dd if=/proc/%s/mem of=/tmp/code.%s bs=4096 skip=%d count=%d 2>/dev/null; md5sum /tmp/code.%s" %
                              (self.pid, what, self.page, self.pages, what), 300).out.split()[0]

    def check(self, what):
        r = self.lab.run("kvm_rounds %s same /tmp/code.all" % self.name, 300)
        assert r.status == 0 and r["others"] == 0, "the code is another after %s: %s" % (what, r.out + r.err)
        if self.copy("now") != self.sum:
            raise AssertionError("the code is another after %s: %s" %
                                 (what, self.lab.run("cmp -l /tmp/code.before /tmp/code.now | head -40", 300).out))
        print("after %s: all of the code is as before" % what, flush=True)


def healthy(lab, name, log_before):
    """Its kernel's log, and how often each program has come to its result."""
    log = lab.inner("dmesg", name, 300).out
    bad = [x for x in log.splitlines() if re.search(BAD, x) and x not in log_before]
    assert not bad, (bad, log[-4000:])
    counts = {}
    for w, (_, want) in WORK.items():
        rows = lab.inner("sort /tmp/%s.all | uniq -c" % w, name, 300).out.strip().splitlines()
        assert len(rows) == 1, (w, rows)
        n, text = rows[0].split(None, 1)
        assert text == want if want else re.fullmatch(r"\w{32} *-", text), (w, rows)
        counts[w] = int(n)
    return counts


def left_over(lab):
    """Nothing of dvirt's in the host's kernel or among its files."""
    end = time.monotonic() + 60
    while True:
        out = lab.check("{ bpftool prog show; bpftool map show; bpftool link show; ls /run/dvirt; } | grep -E 'dvirt|dv_|traps' || true", 300).out
        if not out:
            return
        assert time.monotonic() < end, out
        time.sleep(1)


def clean(lab, name):
    """What is left by who was killed is taken out, at once or, if somebody may be about to run there, later. What was said."""
    end, all_ = time.monotonic() + 60, ""
    while True:
        out = lab.check("while pidof dvirt-guard >/dev/null; do usleep 20000; done; dvirt clean", 300).out
        all_ += out
        if "not byte for byte" not in out:
            return all_
        assert time.monotonic() < end, all_


def many_rounds(lab):
    with LabTrace(lab, 'host:kvm:::exit /args[3] == "invd"/ { @ = count(); }', ["host"], timeout=300) as t:
        r = lab.run("kvm_rounds web %d %d %d & renice -n -10 -p $! >/dev/null; wait $!" % (ROUNDS, FUNCTIONS, random.getrandbits(32)), 1200)
        out, err = t.stop(200)
    print(r.out, r.err, out, err, flush=True)
    assert r.status == 0 and r["left"] == 0 and r["rounds"] == ROUNDS, (r.out, r.err)
    assert r["traps"] > 100 * ROUNDS and r["on"] > 0.9 * r["traps"] and r["foreign"] == 0, r.out
    invd = int(out.split()[-1])
    assert invd > 10 * ROUNDS, (invd, err)


def session(lab):
    """One whose traps are in. A virtual CPU that a busy machine does not let run is not seen to halt in time."""
    for i in range(10):
        t = LabTrace(lab, SCRIPT, ["web"], timeout=300)
        try:
            t.expect(t.ready)
            return t
        except AssertionError as e:
            if "does not come to a halt" not in str(e) or i == 9:
                raise
            print(e, flush=True)


def kill_dvirt(lab, i, start):
    """While it puts its traps in, or a little before or after; while it runs; while it takes them out."""
    if i % 3 == 0:
        t = LabTrace(lab, SCRIPT, ["web"], ready=None)
        time.sleep(random.uniform(0.5, 1.1) * start)
        how = "while it started"
    else:
        t = session(lab)
        if i % 3 == 2:
            t.signal(2)
        time.sleep(random.uniform(0, 0.5))
        how = "while it ran" if i % 3 == 1 else "while it ended"
    t.kill()
    out = clean(lab, "web")
    print("dvirt was killed %s: %s" % (how, out.strip()), flush=True)
    assert i % 3 != 1 or re.search(r"\d\d+ traps taken out", out), out


def kill_tool(lab):
    lab.check("kvm_rounds web 1000 %d %d >/tmp/tool 2>&1 & until grep -q begin /tmp/tool || ! kill -0 $!; do usleep 50000; done; sleep %.2f; kill -9 $!;"
              "cat /tmp/tool" % (FUNCTIONS, random.getrandbits(32), random.uniform(0, 2)), 300)
    print("the tool was killed: %s" % clean(lab, "web").strip(), flush=True)


seed = int(os.environ.get("DVIRT_SEED") or time.time())
print("DVIRT_SEED=%d" % seed)
random.seed(seed)
with guestlib.Guests() as g:
    kernel = os.environ.get("DVIRT_LAB_INNER", "6.1")
    lab = g.lab("lab", kvm=True, kernel=os.environ.get("DVIRT_LAB_KERNEL", "6.1"), inner=["web:" + kernel], files=[TOOL + ":/usr/bin/kvm_rounds"])
    lab.wait(400)
    lab.check("inner web stop; inner web start %s -smp 2" % kernel)
    lab.ready("web")
    assert lab.inner("nproc", "web").out.strip() == "2"
    lab.inner("".join(LOOP % (command, w) for w, (command, _) in WORK.items()), "web")
    # What the kernel changes by itself, when something is used for the first time, is changed then.
    lab.inner("for w in %s; do until [ -s /tmp/$w.all ]; do sleep 0.1; done; done" % " ".join(WORK), "web", 300)
    log = set(lab.inner("dmesg", "web", 300).out.splitlines())
    code = Code(lab, "web")

    many_rounds(lab)
    code.check("%d rounds" % ROUNDS)
    print("good results by now: %s" % healthy(lab, "web", log), flush=True)

    begin = time.monotonic()
    t = session(lab)
    start = time.monotonic() - begin
    out, err = t.stop(300)
    assert t.status == 0 and "error" not in err, (out, err)
    code.check("a session (%.1f s to start)" % start)
    for i in range(KILLS):
        kill_dvirt(lab, i, start)
        code.check("kill %d" % (i + 1))
    for i in range(TOOL_KILLS):
        kill_tool(lab)
        code.check("the tool's kill %d" % (i + 1))
    left_over(lab)
    lab.inner("touch /tmp/stop; sleep 1", "web", 300)
    print("good results: %s" % healthy(lab, "web", log))
