# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/setup and scripts/apt-source: both formats of apt sources, and strange machines."""

import os
import subprocess

top, tmp = os.environ["DVIRT_TOP"], os.environ["DVIRT_TMP"]
count = 0


def machine(files):
    global count
    count += 1
    etc = os.path.join(tmp, "etc%d" % count)
    os.makedirs(etc + "/apt/sources.list.d")
    for name, text in files.items():
        with open(os.path.join(etc, name), "w") as f:
            f.write(text)
    return etc


def call(etc, *argv, path=None):
    env = dict(os.environ, DVIRT_ETC=etc, **({"PATH": path} if path else {}))
    r = subprocess.run([os.path.join(top, "scripts", argv[0])] + list(argv[1:]), env=env, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    return r.returncode, r.stdout


BOOKWORM = "ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"

# A source for another suite, from each format.
status, out = call(machine({
    "os-release": BOOKWORM,
    "apt/sources.list": "# deb http://no.example/ bookworm main\n"
                        "deb cdrom:[Debian]/ bookworm main\n"
                        "deb-src http://src.example/debian bookworm main\n"
                        "deb http://security.example/debian bookworm-security main\n"
                        "deb [arch=amd64 signed-by=/k.gpg check-valid-until=no] http://one.example/debian bookworm main contrib # x\n",
}), "apt-source", "bookworm-backports")
assert status == 0 and out == ("Types: deb\nURIs: http://one.example/debian\nSuites: bookworm-backports\n"
                               "Components: main\nSigned-By: /k.gpg\nCheck-Valid-Until: no\n"), out

status, out = call(machine({
    "os-release": BOOKWORM,
    "apt/sources.list.d/a.sources": "Types: deb\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n\n"
                                    "# old\nTypes: deb deb-src\nURIs: http://two.example/20250520T000000Z/\n# between\n"
                                    "Suites: bookworm bookworm-updates\nComponents: contrib main\nSigned-By:\n -----BEGIN\n .\n KEY\n",
}), "apt-source", "trixie")
assert status == 0 and "URIs: http://two.example/20250520T000000Z/\nSuites: trixie\n" in out, out
assert "Signed-By: \n -----BEGIN\n .\n KEY\n" in out and out.endswith("Check-Valid-Until: no\n"), out

status, out = call(machine({
    "os-release": BOOKWORM,
    "apt/sources.list": "deb http://name.example/debian oldstable main\n",
}), "apt-source", "bookworm-backports")
assert status == 0 and "URIs: http://name.example/debian\n" in out, out

status, out = call(machine({"os-release": BOOKWORM}), "apt-source", "bookworm-backports")
assert status == 1 and 'no source for "bookworm"' in out and "sources.list" in out, out

# A distribution that is not known: what is missing by name, or that QEMU is too old.
other = machine({"os-release": "ID=plan9\nPRETTY_NAME=\"Plan 9\"\n"})
bin_ = os.path.join(tmp, "bin")
os.makedirs(bin_)
for tool in ("bash", "uname", "dirname", "env", "cat"):
    os.symlink("/bin/" + tool if os.path.exists("/bin/" + tool) else "/usr/bin/" + tool, os.path.join(bin_, tool))
status, out = call(other, "setup", path=bin_)
assert status == 1 and "Plan 9" in out and "missing: meson ninja" in out and "qemu-system-x86, version 10.0" in out, out
for tool in ("meson", "ninja", "gcc", "clang", "pkg-config", "cpio", "python3", "dpkg-deb", "qemu-system-x86_64"):
    with open(os.path.join(bin_, tool), "w") as f:
        f.write("#!/bin/bash\necho 'QEMU emulator version 7.2.9 (Debian)'\n")
    os.chmod(os.path.join(bin_, tool), 0o755)
status, out = call(other, "setup", path=bin_)
assert status == 1 and "version 7.2" in out and "10.0 or newer" in out, out

# On a Debian, an old QEMU that is before /usr/bin in PATH: a package would not help, and none is installed.
old = os.path.join(tmp, "old")
os.makedirs(old)
os.symlink(os.path.join(bin_, "qemu-system-x86_64"), os.path.join(old, "qemu-system-x86_64"))
status, out = call(machine({"os-release": BOOKWORM}), "setup", path=old + ":" + os.environ["PATH"])
assert status == 1 and "QEMU 7.2" in out and "10.0 or newer" in out, out
if os.path.exists("/usr/bin/dpkg-query"):
    assert old + "/qemu-system-x86_64, which is first in PATH" in out and "install from" not in out, out

status, out = call("/etc", "setup", "--nonsense")
assert status == 1 and "--nonsense" in out, out
status, out = call("/etc", "setup", "--list")
assert status == 0 and "meson\n" in out and "qemu-system-x86" in out, out
print("set-up says what it should")
