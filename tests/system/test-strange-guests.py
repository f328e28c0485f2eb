# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 300
"""Guests that dvirt cannot understand, or only in part: no kernel at all, a kernel without BTF, one whose symbol tables are
spoilt, a guest that restarts under a session."""

import atexit
import os
import struct
import subprocess
import sys
import time

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import Trace, dvirt, table  # noqa: E402

TMP = os.environ["DVIRT_TMP"]


def vmlinux():
    """The 6.12 kernel as an ELF file, which QEMU can start as it is (PVH)."""
    image = subprocess.run([os.path.join(os.environ["DVIRT_TOP"], "scripts", "guest-image"), "--kernel", "6.12"],
                           stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    d = open(image + "/vmlinuz", "rb").read()
    at = (d[0x1f1] + 1) * 512 + struct.unpack_from("<I", d, 0x248)[0]
    packed = d[at:at + struct.unpack_from("<I", d, 0x24c)[0] - 4]
    assert packed[:4] == b"\x28\xb5\x2f\xfd", "this kernel is not packed with zstd"
    out = subprocess.run(["zstd", "-dc"], input=packed, stdout=subprocess.PIPE, check=True).stdout
    assert out[:4] == b"\x7fELF"
    return bytearray(out)


def spoil(elf, pattern, with_what, name):
    e = bytearray(elf)
    at = e.find(pattern)
    assert at > 0, name
    while at >= 0:
        e[at:at + len(with_what)] = with_what
        at = e.find(pattern, at + len(pattern))
    path = os.path.join(TMP, name + ".elf")
    with open(path, "wb") as f:
        f.write(e)
    return path


def line_of(name, text):
    return "\n".join(x for x in text.splitlines() if name in x)


with guestlib.Guests() as g:
    elf = vmlinux()
    nobtf = g.start("nobtf", kernel="6.12", ip=[], peer=[], run=[],
                    extra=["-kernel", spoil(elf, b"\x9f\xeb\x01\x00\x18\0\0\0", b"\0\0\0\0", "nobtf")])
    digits = b"".join(b"%d\0" % i for i in range(10))
    odd = g.start("odd", kernel="6.12", ip=[], peer=[], run=[],
                  extra=["-kernel", spoil(elf, digits, b"\0" * 10, "odd")])
    # No kernel: the firmware looks for a disk for ever.
    argv = guestlib.Guest("bios").command(ip=[], peer=[], run=[])
    for option in ("-kernel", "-initrd", "-append"):
        at = argv.index(option)
        del argv[at:at + 2]
    bios = subprocess.Popen(argv, cwd=TMP, stdin=subprocess.DEVNULL)
    atexit.register(lambda: (bios.kill(), bios.wait()))
    g_ok = g.start("good", kernel="6.12", ip=[], peer=[], run=[])
    nobtf.wait(60)
    g_ok.wait(60)

    status, out, err = dvirt("ps", "-v", timeout=90)
    print(out, err)
    assert "BTF" in out and "no kernel" in out.lower() or "kernel" in line_of("bios", out), out
    for name in ("nobtf", "odd", "bios", "good"):
        assert name in out, (name, out)

    # Without types: system calls can be counted; what needs a type is refused with the reason.
    with Trace("syscall::getppid:entry { @[vmname] = count(); }", ["nobtf"]) as t:
        nobtf.check("exercise getppid 1000")
        out, err = t.stop()
    assert table(out)[("nobtf",)] >= 1000, (out, err)
    status, out, err = dvirt("-M", "nobtf", "-n", "fbt::vfs_read:entry { trace(args[0]->f_flags); }")
    print(err)
    assert status == 1 and "BTF" in err and "nobtf" in err, err

    # A machine that is not understood does not keep the others from being traced.
    with Trace("syscall::getppid:entry { @[vmname] = count(); }", ["good", "odd", "bios"]) as t:
        g_ok.check("exercise getppid 1000")
        out, err = t.stop()
    assert table(out)[("good",)] >= 1000, (out, err)
    status, out, err = dvirt("-M", "odd", "-n", "syscall:::entry")
    print(err)
    assert status == 1 and "odd" in err, err

    # A guest that restarts under a session, the same kernel at the same place, and one that panics.
    again = g.start("again", kernel="6.12", ip=[], peer=[], run=[], append="nokaslr panic=0", extra=["-action", "reboot=reset"])
    again.wait(60)
    with Trace("syscall::getppid:entry { @[vmname] = count(); }", ["again"]) as t:
        again.check("exercise getppid 1000")
        again.qmp("system_reset")
        t.expect_err("machine 'again' has restarted; waiting for its kernel")
        t.expect_err("machine 'again' has joined")
        end = time.monotonic() + 60
        while again.run("true", timeout=10).status:
            assert time.monotonic() < end
        again.check("exercise getppid 500")
        again.run("(sleep 0.2; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &")
        t.expect_err("machine 'again': its kernel has panicked")
        out, err = t.stop()
    print(out, err)
    assert 1500 <= table(out)[("again",)] < 1520, out
