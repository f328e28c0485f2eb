# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 1800
"""Guests under KVM, found and known without a word from them or their QEMU: names, kernels, symbols, types, memory while it
changes. With DVIRT_KVM_ALL=1, for which a machine must be quick, also what comes, restarts and goes while a session runs."""

import os
import re
import sys
import time

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import LabTrace  # noqa: E402

BOTH = "BEGIN { %s exit(0); }" % "".join(
    r"""printf("%s|%%s", stringof(%s`vmlinux`linux_banner));
        printf("%s comm %%s pid %%d\n", stringof(%s`vmlinux`init_task.comm), %s`vmlinux`init_task.pid);
        printf("%s at %%x\n", (uint64_t)&%s`vmlinux`_text);
        """ % ((g,) * 7) for g in ("web", "db"))


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
    return lab.check("dvirt -q %s -s /tmp/x.d" % " ".join(args), timeout=120).out


def text(lab, guest):
    """Where the guest's kernel begins. To print all of kallsyms takes an inner guest minutes on a slow machine."""
    return int(lab.inner("grep -m 1 ' _text$' /proc/kallsyms", guest).out.split()[0], 16)


def known(lab, kernel):
    lab.check("(sleep 1000 </dev/kvm >/dev/null 2>&1 &)")  # a descriptor of KVM's, but no machine
    end = time.monotonic() + 500
    while set(machines(lab)) != {"host", "web", "db"}:  # whatever state they are in by now
        assert time.monotonic() < end, machines(lab, True)
    releases = {}
    for g in ("web", "db"):
        releases[g] = lab.inner("uname -r", g).out.strip()
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
        version = lab.inner("cat /proc/version", g).out.strip()
        assert "%s|%s\n" % (g, version) in out, version
        assert re.search(r"^%s comm swapper(/0)? pid 0$" % g, out, re.M), out
        at = re.search(r"^%s at (\S+)$" % g, out, re.M)
        assert int(at.group(1), 16) == text(lab, g), out
    # Of a module too.
    for g in ("web", "db"):
        out = d(lab, r'''BEGIN { printf("%%x\n", (uint64_t)&%s`virtio_net`virtnet_open); exit(0); }''' % g, "-M", g)
        begin, size = lab.inner("cat /sys/module/virtio_net/sections/.text /sys/module/virtio_net/coresize", g).out.split()
        assert 0 < int(out, 16) - int(begin, 16) < int(size), (out, begin, size)
    out = lab.check("dvirt -M web -l -n dtrace:::").out
    assert "BEGIN" in out, out

    # What changes while it is read.
    out = d(lab, r"""tick-300ms { printf("%d %d\n", web`vmlinux`jiffies, db`vmlinux`jiffies); } tick-1600ms { exit(0); }""")
    rows = [tuple(map(int, x.split())) for x in out.split("\n") if x]
    print(rows)
    assert len(rows) >= 3 and all(a[0] <= b[0] and a[1] <= b[1] for a, b in zip(rows, rows[1:])), rows
    assert rows[0][0] < rows[-1][0] and rows[0][1] < rows[-1][1], rows

    # The host knows which threads are a guest's.
    with LabTrace(lab, "host:sched:::off-cpu /guestvcpu >= 0/ { @[guestname, guestvcpu] = count(); }") as t:
        lab.inner("exercise getppid 1000", "web")
        lab.inner("exercise getppid 1000", "db")
        out, err = t.stop()
    assert t.status == 0 and re.search(r"^ +web +0 +\d+$", out, re.M) and re.search(r"^ +db +0 +\d+$", out, re.M), (out, err)


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


def come_and_go(lab, kernel):
    script = r"""tick-200ms { n++; }
        tick-500ms { printf("up %d\n", db`vmlinux`jiffies > 0); }"""
    with LabTrace(lab, script, ["web", "db", "new*", "db-*"], timeout=400) as t:
        # QEMU ends, another begins under the same name.
        lab.check("kill -9 $(inner web pid)")
        t.expect_err("machine 'web' has gone")
        lab.check("inner web start %s -action reboot=reset" % kernel)
        t.expect_err("machine 'web' has joined")
        # The same QEMU, another kernel.
        lab.inner("true", "web")
        lab.inner("(sleep 0.1; reboot -f) >/dev/null 2>&1 &", "web")
        t.expect_err("machine 'web' has restarted; waiting for its kernel")
        err = t.read()[1]
        while err.count("machine 'web' has joined") < 2:
            assert t.poll() is None, err
            err = t.read()[1]
        # A name that is taken, and a machine that has no memory or CPU yet.
        lab.check("inner new start %s -name guest=db,debug-threads=on" % kernel)
        lab.inner("true", "new")
        pid = lab.check("inner new pid").out.strip()
        t.expect_err("machine 'db-%s' has joined" % pid)
        out, err = t.stop()
    print(out, err)
    assert t.status == 0, err
    at = int(d(lab, r"""BEGIN { printf("%x\n", (uint64_t)&web`vmlinux`_text); exit(0); }"""), 16)
    assert at == text(lab, "web"), "the address of another kernel"
    assert "db-%s" % pid in machines(lab)
    lab.check("inner new stop; inner web stop; inner db stop")
    assert set(machines(lab)) == {"host"}, machines(lab)
    lab.check("rmmod kvm_amd kvm")
    assert set(machines(lab)) == {"host"}, machines(lab)
    r = lab.run("dvirt doctor")
    assert "  -    KVM: its module is not loaded" in r.out and r.status == 0, r.out
    r = lab.run("dvirt doctor --kvm")
    assert "  NO   KVM: its module is not loaded" in r.out and r.status == 1, r.out


for kernel in os.environ.get("DVIRT_LAB_KERNEL", "6.1").split():
    with guestlib.Guests() as g:
        lab = g.lab("lab", kvm=True, kernel=kernel, inner=["web:6.1", "db:6.12"])
        lab.wait(240)
        known(lab, kernel)
        doctor(lab)
        if os.environ.get("DVIRT_KVM_ALL"):
            come_and_go(lab, "6.1")
        print("kernel %s: done" % kernel)
