# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 400
"""The provider kvm, in a laboratory with a KVM guest: what it counts is what the kernel's own tracing counts, event by event
and reason by reason. The guest's QEMU is stopped while either of them is switched on or off, so both see the same."""

import os
import re
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import LabTrace, table  # noqa: E402

EXITS = os.path.join(os.environ["DVIRT_TOP"], "examples", "exits.d")
EVENTS = ["entry", "cpuid", "msr", "cr", "pio", "mmio", "fast-mmio", "apic", "hypercall", "inj-virq", "inj-exception",
          "page-fault", "userspace-exit", "vcpu-wakeup", "set-irq", "emulate-insn"]
SCRIPT = r"""
kvm:::exit { @r["exit", args[3]] = count(); @odd["odd"] = sum(args[1] != args[0]->vcpu_id || args[1] != 0);
    self->at = timestamp; }
kvm:::entry /self->at/ { @["ns"] = sum(timestamp - self->at); self->at = 0; }
kvm::: /probename != "exit"/ { @n[probename] = count(); }
kvm:::pio { @p["port", args[0], args[1]] = count(); }
kvm:::exit /args[3] == "unknown"/ { printf("unknown %d\n", args[2]); }
END { printf("seen %d\n", timestamp - begin); }
BEGIN { begin = timestamp; }
"""
# What makes all kinds of exits: interrupts and halts, ports of the serial line and of the PCI bus, new memory, CPUID.
WORK = "echo hello >/dev/ttyS0; cat /proc/cpuinfo >/dev/null; sleep 0.2; dd if=/dev/zero of=/tmp/x bs=64k count=20 2>/dev/null; " \
    "cat /sys/bus/pci/devices/*/config >/dev/null; exercise getppid 1000"


def of_tracefs(lab):
    """({event: count}, {reason: count}) of what the kernel has recorded."""
    out = lab.check(r"""cd /sys/kernel/tracing
        sed -n 's/^.* \(kvm_[a-z_]*\): .*$/\1/p' trace | sort | uniq -c
        sed -n 's/^.* kvm_exit: vcpu [0-9]* reason \(.*\) rip .*$/reason:\1/p' trace | sort | uniq -c
        cat per_cpu/cpu*/stats | grep -E 'overrun|dropped'""", timeout=180).out
    assert all(int(n) == 0 for n in re.findall(r"(?:overrun|dropped events): (\d+)", out)), out
    rows = [x.split(None, 1) for x in re.findall(r"^ *(\d+ \S.*)$", out, re.M)]
    return ({k: int(v) for v, k in rows if not k.startswith("reason:")}, {k[7:]: int(v) for v, k in rows if k.startswith("reason:")})


with guestlib.Guests() as g:
    lab = g.lab("lab", kvm=True, kernel=os.environ.get("DVIRT_LAB_KERNEL", "6.1"), files=[EXITS + ":/tmp/exits.d"])
    lab.wait(180)
    assert lab.inner("uname -r").status == 0
    lab.check("echo 32768 >/sys/kernel/tracing/buffer_size_kb")
    listed = lab.check("dvirt -l -n kvm:::").out
    print(listed)
    for name in ["exit"] + EVENTS:
        assert re.search(r"^ *\d+ +host +kvm +kvm +%s$" % name, listed, re.M), name

    stop, go = ("kill -%s $(inner inner pid); sleep 0.1" % s for s in ("STOP", "CONT"))
    lab.check(stop)
    with LabTrace(lab, SCRIPT, ["host"], timeout=180) as t:
        names = " ".join("kvm_" + n.replace("-", "_") for n in ["exit"] + EVENTS)
        lab.check("cd /sys/kernel/tracing/events/kvm; for e in %s; do echo 1 >$e/enable; done; %s" % (names, go))
        assert lab.inner(WORK).status == 0
        lab.check(stop + "; for e in /sys/kernel/tracing/events/kvm/kvm_*/enable; do echo 0 >$e; done")
        out, err = t.stop()
    assert t.status == 0 and "drop" not in err and "error" not in err, (out, err)
    events, reasons = of_tracefs(lab)
    lab.check(go)
    print(out, err, events, reasons)
    got = {k: int(v) for k, v in re.findall(r"^  exit +(\S.*?) +(\d+)$", out, re.M)}
    assert got == reasons, (got, reasons)
    assert sum(reasons.values()) == events["kvm_exit"] > 100 and {"hlt", "npf", "io", "interrupt"} & set(reasons), reasons
    n = table(out)
    for name in EVENTS:
        assert n.get((name,), 0) == events.get("kvm_" + name.replace("-", "_"), 0), (name, n, events)
    assert n[("odd",)] == 0 and "unknown" not in out, out
    assert n[("port", "1", "1016")] >= 6, out  # "hello" on the serial line, 0x3f8
    assert 0 < n[("ns",)] < n[("seen",)], out

    lab.check("(inner inner run 'exercise getppid 100; echo hello >/dev/ttyS0; sleep 1; exercise getppid 100' >/dev/null 2>&1 &)")
    r = lab.check("dvirt -s /tmp/exits.d")
    print(r.out)
    assert "REASON" in r.out and re.search(r"^qemu-system-x86 +\d+ +hlt +\d+ +\d+ +\d+ +\d+$", r.out, re.M), r.out
    lab.check("inner inner stop")
    r = lab.check("dvirt -s /tmp/exits.d")
    assert "no VM exits: no virtual machine runs under KVM" in r.out, r.out

    # Without the module.
    lab.check("rmmod kvm_amd kvm")
    r = lab.run("dvirt -s /tmp/exits.d")
    assert r.status == 1 and "on host KVM is not loaded" in r.err, r.err
