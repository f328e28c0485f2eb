# SPDX-License-Identifier: GPL-2.0-or-later
"""What the images of guests and laboratories are made of: Debian's packages, downloaded through the machine's own apt
sources and unpacked in ${DVIRT_CACHE:-build/cache}, never installed; kernels and their modules; programs with the
libraries that they need; initial RAM file systems.
"""

import argparse
import fcntl
import glob
import hashlib
import lzma
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)


def cache_folder():
    """apt cannot use a folder whose name has a space or the like in it."""
    path = os.environ.get("DVIRT_CACHE") or os.path.join(TOP, "build", "cache")
    if "DVIRT_CACHE" not in os.environ and not re.fullmatch(r"[A-Za-z0-9/._+~@-]+", path):
        path = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "dvirt")
    return os.path.abspath(path)


CACHE = cache_folder()

# Where a kernel is found: which of Debian's suites have it.
KERNELS = {"6.1": ["bookworm"], "6.12": ["trixie", "bookworm-backports"]}


class Error(Exception):
    pass


def say(text):
    print("%s: %s" % (os.path.basename(sys.argv[0]), text), file=sys.stderr, flush=True)


def run(argv, **kw):
    r = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)
    if r.returncode:
        tail = "\n".join((r.stdout + r.stderr).strip().splitlines()[-15:])
        raise Error("`%s` failed:\n%s" % (" ".join(argv[:1] + argv[-3:]), tail))
    return r.stdout


def host_release():
    try:
        with open("/etc/os-release") as f:
            m = re.search(r'^VERSION_CODENAME="?([^"\n]+)', f.read(), re.M)
        return m.group(1) if m else ""
    except OSError:
        return ""


class Suite:
    """One suite of Debian's archive, with apt files of its own: the host's are not touched."""

    def __init__(self, name):
        self.name = name
        self.dir = os.path.join(CACHE, "apt", name)
        self.ready = False

    def options(self):
        d = self.dir
        o = {"Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": d + "/parts",
             "Dir::State": d, "Dir::State::lists": d + "/lists", "Dir::State::status": d + "/status",
             "Dir::Cache": d + "/cache", "APT::Sandbox::User": "root", "Acquire::Languages": "none",
             "Acquire::Retries": "3", "APT::Get::List-Cleanup": "0", "Dir::Etc::preferences": "/dev/null",
             "Dir::Etc::preferencesparts": "/dev/null/", "APT::Install-Recommends": "0"}
        return [x for k, v in o.items() for x in ("-o", "%s=%s" % (k, v))]

    def prepare(self, refresh):
        if self.ready:
            return
        d = self.dir
        for s in ("parts", "lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(d, s), exist_ok=True)
        open(d + "/status", "a").close()
        source = run([os.path.join(HERE, "apt-source"), self.name])
        path = d + "/parts/dvirt.sources"
        old = open(path).read() if os.path.exists(path) else None
        if refresh or old != source or not glob.glob(d + "/lists/*_Packages*"):
            with open(path, "w") as f:
                f.write(source)
            say("reading the package list of Debian %s" % self.name)
            try:
                run(["apt-get", "-q"] + self.options() + ["update"])
            except Error:
                os.unlink(path)
                raise
        self.ready = True

    def depends(self, package):
        out = run(["apt-cache"] + self.options() + ["depends", package])
        return re.findall(r"Depends: (\S+)", out)

    def closure(self, packages):
        out = run(["apt-get", "-qq"] + self.options() + ["--print-uris", "-y", "install"] + packages)
        return re.findall(r"^'\S+' ([^\s_]+)_", out, re.M)

    def download(self, packages):
        """Returns the .deb files."""
        folder = os.path.join(CACHE, "debs", self.name)
        os.makedirs(folder, exist_ok=True)
        want = run(["apt-get", "-qq"] + self.options() + ["--print-uris", "download"] + packages)
        names = re.findall(r"^'\S+' (\S+)", want, re.M)
        lack = [n for n in names if not os.path.exists(os.path.join(folder, n))]
        if lack:
            say("downloading %d packages of Debian %s, to unpack, not to install" % (len(lack), self.name)
                if len(lack) > 1 else "downloading %s, to unpack, not to install" % lack[0])
            part = tempfile.mkdtemp(dir=folder)
            try:
                run(["apt-get", "-q"] + self.options() + ["download"] + [n.split("_")[0] for n in lack], cwd=part)
                for n in os.listdir(part):
                    os.rename(os.path.join(part, n), os.path.join(folder, n))
            finally:
                shutil.rmtree(part, ignore_errors=True)
        return [os.path.join(folder, n) for n in names]


SUITES = {}


def suite(name, refresh):
    s = SUITES.setdefault(name, Suite(name))
    s.prepare(refresh)
    return s


class Cpio:
    """Writes an initial RAM file system, all of it owned by root. Where several are given to a kernel one after the other, a
    file of a later one takes the place of an earlier one's."""

    def __init__(self, path_or_file):
        self.f = open(path_or_file, "wb") if isinstance(path_or_file, str) else path_or_file
        self.ino = 0
        self.seen = set()

    def entry(self, name, mode, data):
        self.ino += 1
        n = name.encode() + b"\0"
        fields = (self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(n), 0)
        head = b"070701" + b"".join(b"%08X" % x for x in fields) + n
        self.f.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))

    def parents(self, name):
        p = os.path.dirname(name)
        if p and p not in self.seen:
            self.folder(p)

    def folder(self, name):
        if name not in self.seen:
            self.parents(name)
            self.seen.add(name)
            self.entry(name, stat.S_IFDIR | 0o755, b"")

    def file(self, name, data, mode=0o644):
        if name in self.seen:
            return
        self.parents(name)
        self.seen.add(name)
        if isinstance(data, str):
            data = data.encode()
        self.entry(name, stat.S_IFREG | mode, data)

    def copy(self, name, path, mode=0o755):
        with open(path, "rb") as f:
            self.file(name, f.read(), mode)

    def link(self, name, to):
        if name not in self.seen:
            self.parents(name)
            self.seen.add(name)
            self.entry(name, stat.S_IFLNK | 0o777, to.encode())

    def close(self):
        self.ino = 0
        self.entry("TRAILER!!!", 0, b"")
        self.f.flush()

    # What the machine has, at the same place: its programs with their libraries, its files.

    def host(self, path, to=None):
        path = os.path.abspath(path)
        if os.path.isdir(path):
            for n in sorted(os.listdir(path)):
                self.host(os.path.join(path, n), os.path.join(to or path, n))
            return
        self.copy((to or path).lstrip("/"), path, 0o755 if os.access(path, os.X_OK) else 0o644)
        for lib in libraries(path):
            self.copy(lib.lstrip("/"), lib)


def libraries(path):
    """The paths of what the machine's loader gives to a program or library."""
    with open(path, "rb") as f:
        head = f.read(18)
    if head[:4] != b"\x7fELF" or head[16] not in (2, 3):
        return []
    r = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lack = re.findall(r"^\s*(\S+) => not found", r.stdout, re.M)
    if lack:
        raise Error("%s lacks the library %s" % (path, lack[0]))
    return re.findall(r"(/\S+) \(0x", r.stdout)


def needed(path):
    out = run(["readelf", "-ld", path])
    return (re.findall(r"\(NEEDED\).*\[(.+?)\]", out), re.findall(r"program interpreter: (\S+)\]", out))


def find(root, name):
    """A path in an unpacked tree, also when symbolic links in it are absolute."""
    p = os.path.join(root, name)
    for _ in range(8):
        if not os.path.islink(p):
            break
        to = os.readlink(p)
        p = os.path.join(root, to.lstrip("/")) if to.startswith("/") else os.path.join(os.path.dirname(p), to)
    return p if os.path.isfile(p) else None


def add_programs(image, root, programs, top=""):
    """Programs of unpacked packages with their libraries, all of it below the folder `top`."""
    lib = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "usr/lib64", "lib", "usr/lib"]
    todo, done = [], set()
    for p in programs:
        path = find(root, p)
        if not path:
            raise Error("the downloaded packages have no /%s" % p)
        image.copy(top + p, path)
        todo.append(path)
    while todo:
        libs, interp = needed(todo.pop())
        for i in interp:
            path = next(filter(None, (find(root, d) for d in (i.lstrip("/"), "usr" + i))), None)
            if path:
                image.copy(top + i.lstrip("/"), path)
        for name in libs:
            if name in done:
                continue
            done.add(name)
            path = next(filter(None, (find(root, os.path.join(d, name)) for d in lib)), None)
            if not path:
                raise Error("the downloaded packages lack the library %s" % name)
            image.copy(top + "lib/x86_64-linux-gnu/" + name, path)
            todo.append(path)


def add_modules(image, base, lists):
    """The modules that each list names, with those that they need. /etc/LIST says in which order they are to be loaded."""
    files = {}
    for d, _, names in os.walk(base) if base else ():
        for n in names:
            m = re.match(r"(.+)\.ko(\.xz|\.zst|\.gz)?$", n)
            if m:
                files[m.group(1).replace("-", "_")] = os.path.join(d, n)

    def read(path):
        if path.endswith(".ko"):
            with open(path, "rb") as f:
                return f.read()
        if path.endswith(".xz"):
            with lzma.open(path) as f:
                return f.read()
        tool = {".zst": "zstd", ".gz": "gzip"}[os.path.splitext(path)[1]]
        return subprocess.run([tool, "-dcq", path], stdout=subprocess.PIPE, check=True).stdout

    def add(name, order):
        if name in order:
            return
        if name not in files:
            return  # built in
        data = read(files[name])
        m = re.search(rb"\0depends=([^\0]*)\0", data)
        for dep in (m.group(1).decode() if m else "").split(","):
            if dep:
                add(dep.replace("-", "_"), order)
        image.file("lib/modules/%s.ko" % name, data)
        order.append(name)

    for to, modules in lists.items():
        order = []
        for m in modules:
            add(m, order)
        image.file("etc/" + to, "".join("%s.ko\n" % n for n in order))


def compile_program(name, to, *options):
    cc = os.environ.get("CC", "gcc")
    try:
        run([cc, "-O2", "-Wall", "-pthread", "-o", to, os.path.join(TOP, "guests", name + ".c")] + list(options))
    except FileNotFoundError:
        raise Error("the C compiler %s is not there; run scripts/setup" % cc)


def kernel_package(kernel, refresh):
    why = []
    host = host_release()
    suites = sorted(KERNELS[kernel], key=lambda s: 0 if s == host else 1 if s.startswith(host) else 2)
    for name in suites:
        try:
            s = suite(name, refresh)
            for p in s.depends("linux-image-cloud-amd64"):
                m = re.match(r"linux-image-((\d+\.\d+)[-.+].*)", p)
                if m and m.group(2) == kernel:
                    return m.group(1), s.download([p])[0]
            why.append("%s has another kernel" % name)
        except Error as e:
            why.append("%s: %s" % (name, e))
    raise Error("Debian's kernel %s cannot be had through this machine's apt sources\n%s" % (kernel, "\n".join(why)))


def user_suite():
    host = host_release()
    return host if host in ("bookworm", "trixie") else "trixie"


def packages(names, refresh, root, name=None):
    """Packages and the libraries that they need, unpacked below `root`."""
    s = suite(name or user_suite(), refresh)
    debs = s.download([n for n in s.closure(names) if n in names or n.startswith("lib") or n == "zlib1g"])
    # Both halves of a merged /usr end up in one place.
    os.makedirs(root + "/usr/lib")
    for d in debs:
        run(["dpkg-deb", "-x", d, root])


def own_kernel(files, tmp):
    """A kernel given as files: (release, vmlinuz, the tree its modules are in or None)."""
    root, image, modules = tmp + "/kernel", None, None
    for f in files:
        if os.path.isdir(f):
            modules = f
        elif not os.path.isfile(f):
            raise Error("the kernel's file %s is not there" % f)
        elif f.endswith(".deb"):
            run(["dpkg-deb", "-x", f, root])
        else:
            image = f
    if not image:
        # Newer packages have it beside the modules.
        found = [p for g in ("boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz", "lib/modules/*/vmlinuz")
                 for p in glob.glob(os.path.join(root, g))]
        if not found:
            raise Error("no kernel in %s" % " ".join(files))
        image = found[0]
    with open(image, "rb") as f:
        head = f.read(65536)
    # The boot protocol's header tells where the release's text is.
    at = int.from_bytes(head[0x20e:0x210], "little") + 0x200
    m = re.match(rb"([0-9][!-.0-~]+)[ \0]", head[at:at + 200])
    if head[0x202:0x206] != b"HdrS" or not m:
        raise Error("%s is no x86 kernel (a bzImage is needed)" % image)
    release = m.group(1).decode()
    if not modules:
        modules = next((d for d in (root + "/lib/modules/" + release, root + "/usr/lib/modules/" + release,
                                    "/lib/modules/" + release) if os.path.isdir(d + "/kernel")), None)
    if not modules:
        say("no modules of kernel %s: what it has not built in, it lacks" % release)
    return release, image, modules


def debian_kernel(kernel, refresh, tmp):
    release, deb = kernel_package(kernel, refresh)
    run(["dpkg-deb", "-x", deb, tmp + "/kernel"])
    base = next((d for d in (tmp + "/kernel/lib/modules/" + release, tmp + "/kernel/usr/lib/modules/" + release)
                 if os.path.isdir(d)), None)
    return release, tmp + "/kernel/boot/vmlinuz-" + release, base


def kernel_name(text):
    """A kernel of the command line: one of Debian's, or files."""
    if text in KERNELS or "/" in text.split(",")[0]:
        return text
    raise argparse.ArgumentTypeError("\"%s\" is neither one of %s nor a file's path (with a \"/\" in it)"
                                     % (text, ", ".join(sorted(KERNELS))))


def digest(paths, *more):
    """What an image was made of: these files' contents, and some text."""
    h = hashlib.sha256()
    for p in paths:
        with open(p, "rb") as f:
            h.update(f.read())
    for text in more:
        h.update(text.encode())
    return h.hexdigest()


def is_fresh(stamp, key, files):
    try:
        with open(stamp) as f:
            return f.read().strip() == key and all(os.path.exists(x) for x in files)
    except OSError:
        return False


def file_mark(path):
    """Text that changes when the file does."""
    return "%s %s" % (path, os.stat(path)[6:9] if os.path.exists(path) else 0)


class Lock:
    """One process at a time works on the cache."""

    def __enter__(self):
        if not re.fullmatch(r"[A-Za-z0-9/._+~@-]+", CACHE):
            raise Error("apt cannot use the folder \"%s\", because of its name; set DVIRT_CACHE" % CACHE)
        os.makedirs(CACHE, exist_ok=True)
        self.f = open(os.path.join(CACHE, "lock"), "w")
        fcntl.flock(self.f, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self.f.close()
