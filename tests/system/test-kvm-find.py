# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 1800
"""Guests under KVM on a host of 6.12, found and known without a word from them or their QEMU: names, kernels, symbols, types,
memory while it changes; and traced there while they come, restart and go: all kernels of one session, each call counted once."""

import glob
import os
import re
import shlex
import sys
import time

import guestlib

TOP = os.environ["DVIRT_TOP"]
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
sys.path.insert(0, os.path.join(TOP, "tests", "docs"))
from commands import commands  # noqa: E402
from examples import Page, run_page  # noqa: E402
from trace import LabTrace, Parts, table  # noqa: E402

BOTH = """BEGIN { %s } tick-300ms { printf("jiffies %%d %%d\\n", web`vmlinux`jiffies, db`vmlinux`jiffies); }
tick-300ms /n++ == 4/ { exit(0); }""" % "".join(
    r"""printf("%s|%%s", stringof(%s`vmlinux`linux_banner));
        printf("%s comm %%s pid %%d\n", stringof(%s`vmlinux`init_task.comm), %s`vmlinux`init_task.pid);
        printf("%s at %%x net %%x\n", (uint64_t)&%s`vmlinux`_text, (uint64_t)&%s`virtio_net`virtnet_open);
        """ % ((g,) * 8) for g in ("web", "db"))


def machines(lab, verbose=False):
    """The lines of `dvirt ps`, by name."""
    r = lab.check("dvirt ps%s" % (" -v" if verbose else ""), timeout=400)
    out = {}
    for line in r.out.splitlines()[1:]:
        if not line.startswith(" "):
            name = line.split()[0]
            out[name] = line
        else:
            out[name] += "\n" + line
    return out


def d(lab, script, *args):
    lab.put("/tmp/x.d", script)
    return lab.check("dvirt -q %s -s /tmp/x.d" % " ".join(args), timeout=300).out


def text(lab, guest):
    """Where the guest's kernel begins. To print all of kallsyms takes an inner guest minutes on a slow machine."""
    return int(lab.check_inner("grep -m 1 ' _text$' /proc/kallsyms", guest).out.split()[0], 16)


def known(lab):
    lab.check("sleep 100000 </dev/kvm >/dev/null 2>&1 & echo $! >/tmp/no-machine")  # a descriptor of KVM's, but no machine
    assert set(machines(lab)) <= {"host", "web", "db"}  # whatever state they are in by now
    lab.wait_inner("web", "db")
    releases = {}
    for g in ("web", "db"):
        releases[g] = lab.check_inner("uname -r", g).out.strip()
    m = machines(lab, True)
    print("\n".join(m.values()))
    for g in ("web", "db"):
        pid = lab.check("inner %s pid" % g).out.strip()
        assert re.match(r"%s +kvm +ready +1 +%s +\S*types,memory\n" % (g, re.escape(releases[g])), m[g]) or \
            re.match(r"%s +kvm +ready +1 +%s +\S*memory" % (g, re.escape(releases[g])), m[g]), m[g]
        assert "KVM guest of qemu-system-x86_64 (pid %s), AMD" % pid in m[g], m[g]
    assert releases["web"] != releases["db"]

    out = d(lab, BOTH)
    print(out)
    for g in ("web", "db"):
        version = lab.check_inner("cat /proc/version", g).out.strip()
        assert "%s|%s\n" % (g, version) in out, version
        assert re.search(r"^%s comm swapper(/0)? pid 0$" % g, out, re.M), out
        at = re.search(r"^%s at (\S+) net (\S+)$" % g, out, re.M)
        assert int(at.group(1), 16) == text(lab, g), out
        # Of a module too.
        begin, size = lab.check_inner("cat /sys/module/virtio_net/sections/.text /sys/module/virtio_net/coresize", g).out.split()
        assert 0 < int(at.group(2), 16) - int(begin, 16) < int(size), (out, begin, size)
    # What changes while it is read.
    rows = [tuple(map(int, x)) for x in re.findall(r"^jiffies (\d+) (\d+)$", out, re.M)]
    assert len(rows) >= 3 and all(a[0] <= b[0] and a[1] <= b[1] for a, b in zip(rows, rows[1:])), rows
    assert rows[0][0] < rows[-1][0] and rows[0][1] < rows[-1][1], rows
    out = lab.check("dvirt -M web -l -n dtrace:::").out
    assert "BEGIN" in out, out


def doctor(lab):
    """What it says of KVM; with the machine of its own everything that it tries is right."""
    r = lab.run("dvirt doctor -v --kvm")
    print(r.out)
    kvm = r.out[r.out.index("guests under KVM"):]
    assert " NO " not in kvm and "  yes  KVM: AMD" in kvm, r.out
    for line in ("tracepoint kvm_exit: the virtual CPU is its argument 0", r"struct kvm_vcpu: arch.regs: \d+", "INVD in a guest is an exit",
                 "the guest goes on behind it", "guest memory can be read there", "memory slots, virtual CPU and its thread were found",
                 "registers in memory at kvm_exit: rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 rip",
                 "the interception of INVD is seen", "CR3 of a virtual CPU is known"):
        assert re.search("^  yes  %s$" % line, kvm, re.M), (line, kvm)
    assert r.status == 0 and len(machines(lab)) == 3, r.status


class InLab:
    """Where the examples of docs/d run that need a guest under KVM."""

    def __init__(self, lab):
        self.lab = lab

    def put(self, name, text):
        self.lab.put("/tmp/page/" + name, text)

    def run(self, command, needs):
        return self.lab.run("mkdir -p /tmp/page; cd /tmp/page; { %s\n} 2>&1" % command, timeout=200).out

    def guest(self, name, command):
        self.lab.check_inner(command, name)


def documents(lab):
    """The examples and commands for which there must be such a guest."""
    done = [run_page(Page(path), {"kvm"}, False, InLab(lab)) for path in sorted(glob.glob(os.path.join(TOP, "docs", "d", "*.md")))]
    count, failed = (sum(n[i] for n in done) for i in (0, 1))
    print("%d examples, %d failed" % (count, failed), flush=True)
    assert count >= 4 and not failed
    of_vm = [shlex.split(c, comments=True) for c in commands() if "vm:::" in c]
    assert of_vm
    for argv in of_vm:
        assert argv[:2] == ["dvirt", "-n"] and len(argv) == 3, argv
        with LabTrace(lab, argv[2], timeout=200) as t:
            lab.check_inner("exercise getppid 10", "web")
            out, err = t.stop(timeout=200)
        print(argv, out, err)
        # What ran, the reason, how often: the rows of an aggregation.
        assert t.status == 0 and re.search(r"^  (swapper/0|exercise|sh) +[a-z_]+ +\d+$", out, re.M), (argv, out, err)


# On each machine: entry and return, with what belongs together; where the call came from; its exits. Which threads of the
# host are a guest's.
TRACE = r"""
syscall::getppid:entry /execname == "exercise"/ { @n[vmname, "entry"] = count(); @s[vmname, stack(4)] = count(); self->at = timestamp; }
syscall::getppid:return /self->at && timestamp > self->at && arg1 == ppid/ { @n[vmname, "return"] = count(); self->at = 0; }
vm:::exit /args[1] == "invd" && execname == "exercise"/ { @n[vmname, "vm"] = count(); }
host:kvm:::exit /args[3] == "invd"/ { @n["host", "invd"] = count(); }
host:sched:::off-cpu /guestvcpu == 0/ { @n[guestname, "off"] = count(); }
tick-500ms /db`vmlinux`jiffies/ { ticks++; }
END { printa(@n); printa("S %s%k%@d\n", @s); printf("ticks %d\n", ticks); }
"""
STACK = r"\nvmlinux`__(?:x64|do)_sys_getppid\S*\n(?:vmlinux`x64_sys_call\S*\n)?vmlinux`do_syscall_64\+\S+\nvmlinux`entry_SYSCALL_64_after_hwframe\+\S+\n"


def come_and_go(lab):
    calls = {"web": (100, 30, 7), "db": (20,)}  # of each kernel that has the name
    # To look through many processes takes its time, and is not done for every question.
    lab.check("(for i in $(seq 400); do sleep 3000 & echo $!; done) >/tmp/many 2>/dev/null </dev/null")
    with LabTrace(lab, TRACE, ["host", "web", "db", "db-*"], timeout=400) as t:
        for guest in calls:
            lab.check_inner("exercise getppid %d" % calls[guest][0], guest)
        # QEMU ends, another begins under the same name.
        lab.check("kill -9 $(inner web pid)")
        t.expect_err("machine 'web' has gone")
        lab.check("inner web start 6.1 -action reboot=reset")
        t.expect_err("machine 'web' has joined")
        lab.wait_inner("web")
        lab.check_inner("exercise getppid %d" % calls["web"][1], "web")
        # The same QEMU, another kernel.
        lab.check_inner("(sleep 0.1; reboot -f) >/dev/null 2>&1 &", "web")
        t.expect_err("machine 'web' has restarted; waiting for its kernel")
        # A name that is taken, and a machine that has no memory or CPU yet.
        lab.check("inner new start 6.1 -name guest=db,debug-threads=on")
        end = time.monotonic() + 600
        while t.read()[1].count("machine 'web' has joined") < 2 or \
                lab.run("grep -c 'guest ready: ' /run/inner/web/console.log").out.strip() != "2":
            assert t.poll() is None and time.monotonic() < end, t.read()
            time.sleep(1)
        lab.check_inner("exercise getppid %d" % calls["web"][2], "web")
        pid = lab.check("inner new pid").out.strip()
        t.expect_err("machine 'db-%s' has joined" % pid)
        lab.wait_inner("new")
        calls["db-" + pid] = (5,)
        lab.check_inner("exercise getppid 5", "new")
        out, err = t.stop(timeout=200)
    print(out, err)
    lab.check("kill $(cat /tmp/many)")
    assert t.status == 0 and "error" not in err and "drop" not in err, err
    n = table(out)
    for guest, each in calls.items():
        assert n[(guest, "off")] > 0, n
        assert n[(guest, "entry")] == n[(guest, "return")] == sum(each) <= n[(guest, "vm")], (guest, n)
        stacks = re.findall(r"^S %s%s(\d+)$" % (guest, STACK), out, re.M)
        assert sum(map(int, stacks)) == sum(each) and len(stacks) <= len(each), (guest, stacks)
    assert n[("host", "invd")] >= 2 * sum(map(sum, calls.values())) and n[("ticks",)] > 3, n
    at = int(d(lab, r"""BEGIN { printf("%x\n", (uint64_t)&web`vmlinux`_text); exit(0); }"""), 16)
    assert at == text(lab, "web"), "the address of another kernel"
    assert set(machines(lab)) == {"host", "web", "db", "db-" + pid}


def gone(lab):
    lab.check("inner new stop; inner web stop; inner db stop")
    assert set(machines(lab)) == {"host"}, machines(lab)
    # What was killed takes a moment to let go of the module.
    lab.check("kill $(cat /tmp/no-machine); for i in 1 2 3 4 5 6 7 8 9; do rmmod kvm_amd 2>/dev/null; rmmod kvm && exit 0; sleep 1; done; exit 1")
    assert set(machines(lab)) == {"host"}, machines(lab)
    r = lab.run("dvirt doctor")
    assert "  -    KVM: its module is not loaded" in r.out and r.status == 0, r.out
    r = lab.run("dvirt doctor --kvm")
    assert "  NO   KVM: its module is not loaded" in r.out and r.status == 1, r.out


with guestlib.Guests() as g:
    parts = Parts()
    lab = g.lab("lab", kvm=True, kernel="6.12", inner=["web:6.1", "db:6.12"])
    lab.wait(400)
    for part in (known, doctor, documents, come_and_go, gone):
        part(lab)
        parts.done(part.__name__)
