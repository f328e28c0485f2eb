#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A laboratory on an Intel processor: Bochs interprets one that has VMX, so that kvm_intel runs in it, and guests under that.

    import bochslib, guestlib
    with guestlib.Guests() as g:
        lab = g.lab(kind=bochslib.IntelLab, kernel="6.12", kvm=True, command="dvirt doctor --kvm")
        print(lab.result(1800).out)

It is a laboratory as others are (guestlib.Lab), ten to twenty times as slow as one under QEMU, with one processor. Bochs is Debian's,
unpacked, not installed. It has no virtio, and its serial ports lose what is sent to them under load: so the one shell command is
there from the beginning, and what it prints comes out of a serial port. As a program this is the process that runs Bochs in the
laboratory's folder.
"""

import ctypes
import io
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import guestlib  # noqa: E402
import imagelib  # noqa: E402

RC = """config_interface: textconfig
display_library: term
memory: guest=%(mem)d, host=%(mem)d
romimage: file=%(root)s/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=%(root)s/usr/share/vgabios/vgabios.bin
cpu: model=corei7_haswell_4770, count=1, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=1
clock: sync=none
ata0-master: type=cdrom, path=lab.iso, status=inserted
boot: cdrom
plugin_ctrl: speaker=0, parallel=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
com1: enabled=1, mode=file, dev=console.log
com2: enabled=1, mode=file, dev=output
log: bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
"""
MENU = """default linux
prompt 0
timeout 1
label linux
  kernel /vmlinuz
  append initrd=/initrd %s
"""


class IntelLab(guestlib.Lab):
    def command(self, command="true", **how):
        out = io.BytesIO()
        image = imagelib.Cpio(out)
        image.file("etc/lab.command", command + "\n")
        image.close()
        argv = super().command(**how)
        self.initrd.append(out.getvalue())
        return argv

    def vmm(self, image, line, smp, mem, machine, cpu, accel, peer):
        if smp != 1:
            raise guestlib.Error("a laboratory on an Intel processor has one CPU")
        make = subprocess.run([os.path.join(HERE, "lab-image"), "--bochs"], stdout=subprocess.PIPE, text=True)
        if make.returncode:
            raise guestlib.Error("there is no Bochs for the laboratory \"%s\"" % self.name)
        self.root = make.stdout.split("\n")[-2]
        self.image = image
        self.line = "quiet tsc=reliable " + line
        self.rc = RC % {"mem": int(mem.rstrip("M")), "root": self.root}
        return [sys.executable, os.path.abspath(__file__), self.root]

    def prepare(self):
        """A CD that the BIOS can start from."""
        lib = self.root + "/usr/lib/"
        with tempfile.TemporaryDirectory(dir=self.dir) as tree:
            os.mkdir(tree + "/isolinux")
            for to, path in (("isolinux/isolinux.bin", lib + "ISOLINUX/isolinux.bin"),
                             ("isolinux/ldlinux.c32", lib + "syslinux/modules/bios/ldlinux.c32"),
                             ("vmlinuz", self.image + "/vmlinuz"), ("initrd", self.path("initrd"))):
                os.symlink(path, os.path.join(tree, to))
            with open(tree + "/isolinux/isolinux.cfg", "w") as f:
                f.write(MENU % self.line)
            r = subprocess.run(program(self.root, "usr/bin/xorriso") + [
                "-as", "mkisofs", "-quiet", "-f", "-o", self.path("lab.iso"), "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat",
                "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", tree],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if r.returncode:
            raise guestlib.Error("cannot make the CD of laboratory \"%s\": %s" % (self.name, r.stdout[-1000:]))
        for f, text in (("bochsrc", self.rc), ("bochs.rc", "c\n")):  # Debian's has a debugger, which waits for a command
            with open(self.path(f), "w") as out:
                out.write(text)
        os.unlink(self.path("initrd"))
        open(self.path("output"), "w").close()

    def wait(self, timeout=0):
        return self

    def output(self):
        """What the command has printed by now, and its status, or None."""
        with open(self.path("output"), "rb") as f:
            text = f.read().replace(b"\r", b"")
        m = re.search(rb"^lab: status (\d+)\n", text, re.M)
        return (text[:m.start()], int(m.group(1))) if m else (text, None)

    def result(self, timeout):
        """Waits for the command's end: what it printed, standard error with it, and its status."""
        end = time.monotonic() + timeout
        while True:
            alive = self.pid()
            out, status = self.output()
            if status is not None:
                return guestlib.Result(status, out, b"")
            if not alive or time.monotonic() > end:
                with open(self.path("console.log"), "rb") as f:
                    console = f.read()[-2000:]
                raise guestlib.Error("laboratory \"%s\" %s; the end of its command's output:\n%s\nand of its console:\n%s" % (
                    self.name, "has not ended within %g s" % timeout if alive else "went away",
                    out[-4000:].decode("utf-8", "replace"), console.decode("utf-8", "replace")))
            time.sleep(0.5)

    def stream(self, command, timeout=None):
        raise guestlib.Error("laboratory \"%s\" takes no commands but the one that it was started with" % self.name)


def program(root, name):
    """The command for a program of unpacked packages, with their own C library."""
    lib = root + "/usr/lib/x86_64-linux-gnu"
    loader = next(p for p in (root + "/lib64/ld-linux-x86-64.so.2", root + "/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(p))
    return [loader, "--library-path", lib + ":" + root + "/lib/x86_64-linux-gnu", os.path.join(root, name)]


def main():
    root = sys.argv[1]
    os.environ.update(LTDL_LIBRARY_PATH=root + "/usr/lib/x86_64-linux-gnu/bochs/plugins", TERM="linux")
    bochs = subprocess.Popen(program(root, "usr/bin/bochs-bin") + ["-q", "-rc", "bochs.rc", "-f", "bochsrc"], stderr=subprocess.PIPE,
                             preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    said, screen = b"", None
    try:
        while bochs.poll() is None:
            ready = select.select([bochs.stderr] + ([screen] if screen else []), [], [], 0.5)[0]
            if screen in ready:
                try:
                    os.read(screen, 1 << 16)
                except OSError:
                    screen, said = None, b""
            if bochs.stderr in ready:
                data = os.read(bochs.stderr.fileno(), 4096)
                os.write(2, data)
                # The screen is a terminal of its own, whose other end somebody has to read.
                said = (said + data)[-4096:]
                m = re.search(rb'connected to screen "(/dev/pts/\d+)"', said)
                if m and not screen:
                    screen = os.open(m.group(1), os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    finally:
        bochs.kill()
    return bochs.wait()


if __name__ == "__main__":
    sys.exit(main())
