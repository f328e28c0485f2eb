# SPDX-License-Identifier: GPL-2.0-or-later
"""For tests that trace the host's kernel: whether that can be done here, programs to be traced, and what of BPF is there."""

import ctypes
import errno
import os
import re
import subprocess
import sys

from trace import dvirt


def can_host():
    """What can be traced on the host, as a list of words; empty when nothing can."""
    m = re.search(r"^host +ebpf +ready .* (\S+)$", dvirt("ps")[1], re.M)
    return m.group(1).split(",") if m else []


def need_host():
    """Ends the test as skipped where the host cannot be traced."""
    if not can_host():
        m = re.search(r"^host .*\n(?: .*\n)*? +cannot be traced: (.*)$", dvirt("ps", "-v")[1], re.M)
        print("skipped: the host cannot be traced here: %s" % (m.group(1) if m else "nobody knows why"))
        sys.exit(77)


def compile_program(source, *options):
    """Of a C file of the source tree; the program is in the test's folder."""
    path = os.path.join(os.environ["DVIRT_TMP"], os.path.basename(source)[:-2])
    subprocess.run(["cc", "-O2", "-o", path, os.path.join(os.environ["DVIRT_TOP"], source)] + list(options), check=True)
    return path


class Bpf:
    """Ids of the kernel's BPF objects, by bpf(2) (include/uapi/linux/bpf.h) and by who holds them."""

    KINDS = {"prog": (11, 13), "map": (12, 14), "link": (31, 30)}  # the next id; a descriptor by id
    libc = ctypes.CDLL(None, use_errno=True)

    @classmethod
    def call(cls, command, attr):
        r = cls.libc.syscall(321, command, attr, ctypes.c_uint(len(attr)))
        return (r, 0) if r >= 0 else (-1, ctypes.get_errno())

    @classmethod
    def ids(cls, kind):
        at, found = 0, []
        while True:
            attr = ctypes.create_string_buffer(at.to_bytes(4, sys.byteorder) + bytes(12), 16)
            r, e = cls.call(cls.KINDS[kind][0], attr)
            if r < 0:
                assert e == errno.ENOENT, os.strerror(e)
                return found
            at = int.from_bytes(attr.raw[4:8], sys.byteorder)
            found.append(at)

    @classmethod
    def name(cls, kind, number):
        """Name of a program or a map; None when it is gone."""
        fd, e = cls.call(cls.KINDS[kind][1], ctypes.create_string_buffer(number.to_bytes(4, sys.byteorder) + bytes(12), 16))
        if fd < 0:
            assert e == errno.ENOENT, os.strerror(e)
            return None
        try:
            info = ctypes.create_string_buffer(256)
            attr = ctypes.create_string_buffer(fd.to_bytes(4, sys.byteorder) + (256).to_bytes(4, sys.byteorder) +
                                               ctypes.addressof(info).to_bytes(8, sys.byteorder), 16)
            r, e = cls.call(15, attr)
            assert r == 0, os.strerror(e)
            # struct bpf_prog_info: name behind type, id, tag, four lengths and pointers; struct bpf_map_info: behind six words.
            off = 64 if kind == "prog" else 24
            return info.raw[off:off + 16].split(b"\0")[0].decode()
        finally:
            os.close(fd)

    @staticmethod
    def held(pid):
        """What a process has descriptors of: a set of (kind, id)."""
        got = set()
        try:
            for fd in os.listdir("/proc/%d/fdinfo" % pid):
                try:
                    with open("/proc/%d/fdinfo/%s" % (pid, fd)) as f:
                        got.update((m.group(1), int(m.group(2))) for m in re.finditer(r"^(prog|map|link)_id:\t(\d+)$", f.read(), re.M))
                except OSError:
                    pass
        except OSError:
            pass
        return got
