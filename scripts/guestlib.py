# SPDX-License-Identifier: GPL-2.0-or-later
"""Test guests under QEMU's TCG: start and stop them, run commands in them.

Used by scripts/guest, and by the system tests:

    import guestlib
    with guestlib.Guests() as g:
        web, db = g.start("web"), g.start("db", kernel="6.12", smp=4)
        g.wait()
        print(web.check("uname -r").out)

A laboratory is a guest that plays the host; it may have a guest of its own, under KVM:

    with guestlib.Guests() as g:
        lab = g.lab(kernel="6.12", kvm=True)
        g.wait()
        print(lab.check("dvirt ps").out, lab.inner("uname -r").out)

Needs no rights: the network between guests is a pair of unix sockets.
"""

import base64
import fcntl
import hashlib
import io
import json
import os
import re
import secrets
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import imagelib  # noqa: E402

TOP = os.path.dirname(HERE)
AGENTS = 4

# What the guests of the demonstration are, unless told otherwise.
KNOWN = {
    "web": {"ip": ["10.0.0.1/24"], "peer": ["db"], "run": ["web"]},
    "db": {"ip": ["10.0.0.2/24"], "peer": ["web"], "run": ["db"]},
}


class Error(Exception):
    pass


def run_folder():
    return os.path.abspath(os.environ.get("DVIRT_RUN") or os.path.join(TOP, "build", "run"))


def build_folder():
    return os.path.abspath(os.environ.get("DVIRT_BUILD") or os.path.join(TOP, "build"))


def _start_time(pid):
    """When a process began, or None if it is no more: tells a reused pid from the old one."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _tail(path, lines):
    try:
        with open(path, "rb") as f:
            text = f.read().decode("utf-8", "replace")
    except OSError:
        return ""
    # Guests write to their console what they like.
    text = "".join(c if c == "\n" or c == "\t" or c.isprintable() else "" for c in text)
    return "\n".join("    " + s for s in text.strip().splitlines()[-lines:])


def _short(command):
    return command if len(command) <= 500 else command[:500] + "..."


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")

    def __getitem__(self, name):
        """A number that `exercise` printed as "NAME VALUE"."""
        m = re.search(r"^%s (\S+)$" % re.escape(name), self.out, re.M)
        if not m:
            raise Error("the command printed no \"%s\": %r" % (name, self.out))
        return float(m.group(1)) if "." in m.group(1) else int(m.group(1))


class Guest:
    def __init__(self, name):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", name):
            raise Error("\"%s\" is no name for a guest: at most 40 letters, digits, '.', '_' and '-'" % name)
        self.name = name
        self.dir = os.path.join(run_folder(), name)
        self.child = None
        self.initrd = []

    # --- state ---------------------------------------------------------------

    def path(self, name):
        return os.path.join(self.dir, name)

    def state(self):
        try:
            with open(self.path("state.json")) as f:
                return json.load(f)
        except (OSError, ValueError):
            return None

    def pid(self):
        """The pid of the running QEMU, or None."""
        s = self.state()
        if self.child:
            self.child.poll()
        return s["pid"] if s and _start_time(s["pid"]) == s["start"] else None

    def need_pid(self):
        p = self.pid()
        if not p:
            raise Error("guest \"%s\" is not running; start it with `scripts/guest start %s`" % (self.name, self.name))
        return p

    # --- start ---------------------------------------------------------------

    def command(self, kernel="6.1", smp=1, mem="256M", machine="q35", cpu="max", accel="tcg", ip=None, peer=None, run=None,
                append="", dvirt=True, dvirt_args=(), extra=(), parts=()):
        """`parts` come after the image's own initial RAM file system: paths of more of them, or their bytes."""
        make = subprocess.run([os.path.join(HERE, "guest-image"), "--kernel", kernel], stdout=subprocess.PIPE, text=True)
        if make.returncode:
            raise Error("there is no image of kernel %s to start \"%s\" with" % (kernel, self.name))
        image = make.stdout.strip()
        self.initrd = [image + "/initrd"] + list(parts) if parts else []
        known = KNOWN.get(self.name, {})
        ip = known.get("ip", []) if ip is None else ip
        peer = known.get("peer", []) if peer is None else peer
        run = known.get("run", []) if run is None else run
        # A starved machine misses its timer's ticks while it boots, and would panic for that.
        line = "console=ttyS0 no_timer_check rdinit=/init panic=-1 guest.name=%s guest.ip=%s guest.run=%s" % (
            self.name, ",".join(ip), ",".join(run))
        argv = self.vmm(image, (line + " " + append).strip(), smp, mem, machine, cpu, accel, peer)
        tool = os.path.join(build_folder(), "dvirt")
        if dvirt and os.access(tool, os.X_OK):
            r = subprocess.run([tool, "qemu-args"] + list(dvirt_args) + [self.name],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if r.returncode:
                raise Error("`dvirt qemu-args %s` failed: %s" % (self.name, r.stderr.strip()))
            argv += shlex.split(r.stdout)
        return argv + list(extra)

    def vmm(self, image, line, smp, mem, machine, cpu, accel, peer):
        """The program that is the machine, with the kernel of the folder `image` and its command line."""
        qemu = os.environ.get("DVIRT_QEMU", "qemu-system-x86_64")
        if not shutil.which(qemu):
            raise Error("%s is not there; run scripts/setup" % qemu)
        argv = [qemu, "-name", self.name, "-M", machine, "-accel", accel, "-cpu", cpu,
                "-smp", str(smp), "-m", mem, "-nodefaults", "-display", "none", "-no-reboot",
                "-kernel", image + "/vmlinuz", "-initrd", "initrd" if self.initrd else image + "/initrd",
                "-append", line,
                # QEMU runs in the guest's folder: names of sockets may not be long.
                "-chardev", "socket,id=console,path=console,server=on,wait=off,logfile=console.log",
                "-serial", "chardev:console", "-qmp", "unix:qmp,server=on,wait=off",
                "-device", "virtio-serial-pci"]
        for i in range(1, AGENTS + 1):
            argv += ["-chardev", "socket,id=agent%d,path=agent%d,server=on,wait=off" % (i, i),
                     "-device", "virtserialport,chardev=agent%d,nr=%d,name=agent%d" % (i, i, i)]
        for i, p in enumerate(peer):
            Guest(p)
            mac = hashlib.sha256(("%s/%d" % (self.name, i)).encode()).digest()
            argv += ["-netdev", "dgram,id=net%d,local.type=unix,local.path=../.net/%s:%s,"
                     "remote.type=unix,remote.path=../.net/%s:%s" % (i, self.name, p, p, self.name),
                     "-device", "virtio-net-pci,netdev=net%d,mac=52:54:00:%02x:%02x:%02x" % ((i,) + tuple(mac[:3]))]
        return argv

    def prepare(self):
        """More that the program needs in the guest's folder, beside the file system."""

    def start(self, **how):
        """Starts QEMU; `wait` waits until the guest answers."""
        if self.pid():
            raise Error("guest \"%s\" is running already (pid %d); stop it with `scripts/guest stop %s`"
                        % (self.name, self.pid(), self.name))
        argv = self.command(**how)
        self.clean()
        os.makedirs(self.dir, mode=0o700, exist_ok=True)
        os.makedirs(os.path.join(run_folder(), ".net"), mode=0o700, exist_ok=True)
        for f in ("console.log", "qemu.log"):
            open(self.path(f), "w").close()
        if self.initrd:
            with open(self.path("initrd"), "wb") as out:
                for part in self.initrd:
                    if isinstance(part, bytes):
                        out.write(part)
                    else:
                        with open(part, "rb") as f:
                            shutil.copyfileobj(f, out, 1 << 20)
        self.prepare()
        with open(self.path("qemu.log"), "ab") as log:
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          cwd=self.dir, start_new_session=True)
        state = {"pid": self.child.pid, "start": _start_time(self.child.pid), "command": argv,
                 "kernel": how.get("kernel", "6.1"), "smp": how.get("smp", 1), "mem": how.get("mem", "256M"),
                 "peer": how.get("peer") if how.get("peer") is not None else KNOWN.get(self.name, {}).get("peer", [])}
        with open(self.path("state.json.new"), "w") as f:
            json.dump(state, f)
        os.rename(self.path("state.json.new"), self.path("state.json"))
        return self

    def wait(self, timeout=120):
        """Waits until the guest has started its services; on failure the guest is stopped."""
        end = time.monotonic() + timeout
        why = "did not become ready within %d s" % timeout
        while time.monotonic() < end:
            if not self.pid():
                why = "ended while it started"
                break
            with open(self.path("console.log"), "rb") as f:
                log = f.read()
            if b"guest ready: " in log:
                try:
                    if self.run("true", timeout=min(10, max(1, end - time.monotonic()))).status == 0:
                        return self
                except Error:
                    pass
            if b"Kernel panic" in log:
                why = "panicked"
                break
            time.sleep(0.03)
        text = "guest \"%s\" %s" % (self.name, why)
        for f in ("qemu.log", "console.log"):
            t = _tail(self.path(f), 15)
            if t:
                text += "\nend of %s:\n%s" % (self.path(f), t)
        self.stop()
        raise Error(text)

    # --- stop ----------------------------------------------------------------

    def stop(self, timeout=5):
        """Returns whether it ran."""
        pid = self.pid()
        for sig, patience in ((signal.SIGTERM, timeout), (signal.SIGKILL, timeout)):
            if not self.pid():
                break
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                break
            end = time.monotonic() + patience
            while self.pid() and time.monotonic() < end:
                time.sleep(0.01)
        if self.child:
            try:
                self.child.wait(timeout)
            except subprocess.TimeoutExpired:
                pass
        if self.pid():
            raise Error("guest \"%s\" (pid %d) does not end" % (self.name, pid))
        self.clean()
        return pid is not None

    def kill(self):
        os.kill(self.need_pid(), signal.SIGKILL)

    def clean(self):
        """Removes what a guest that does not run has left, but its logs."""
        s = self.state() or {}
        names = [self.path(f) for f in ["state.json", "console", "qmp", "initrd", "lab.iso"]
                 + ["agent%d" % i for i in range(1, AGENTS + 1)]
                 + ["agent%d.lock" % i for i in range(1, AGENTS + 1)]]
        names += [os.path.join(run_folder(), ".net", "%s:%s" % (self.name, p)) for p in s.get("peer", [])]
        for n in names:
            try:
                os.unlink(n)
            except OSError:
                pass

    def remove(self):
        """Removes the folder of one that does not run, with its logs."""
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- talk ----------------------------------------------------------------

    def connect(self, name, timeout=10):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(timeout)
        # By way of a descriptor: a socket's path may have 107 bytes only.
        d = os.open(self.dir, os.O_PATH | os.O_DIRECTORY)
        try:
            s.connect("/proc/self/fd/%d/%s" % (d, name))
        except OSError as e:
            s.close()
            raise Error("cannot connect to %s: %s" % (self.path(name), e.strerror or e))
        finally:
            os.close(d)
        return s

    def _agent(self, end):
        """A free agent: its number and lock."""
        while True:
            for i in range(1, AGENTS + 1):
                lock = open(self.path("agent%d.lock" % i), "w")
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return i, lock
                except OSError:
                    lock.close()
            if end and time.monotonic() > end:
                raise Error("guest \"%s\": %d commands run already" % (self.name, AGENTS))
            time.sleep(0.02)

    def stream(self, command, timeout=None):
        """Runs a shell command; yields ('o' or 'e', bytes) and at last ('x', status)."""
        self.need_pid()
        end = time.monotonic() + timeout if timeout else None
        agent, lock = self._agent(end)

        def left():
            if end is None:
                return None
            t = end - time.monotonic()
            if t <= 0:
                raise socket.timeout()
            return t

        try:
            s = self.connect("agent%d" % agent)
            buf = b""

            def more():
                nonlocal buf
                # QEMU may vanish without a word: look after it now and then.
                while True:
                    t = left()
                    if select.select([s], [], [], 1 if t is None else min(t, 1))[0]:
                        break
                    self.need_pid()
                b = s.recv(1 << 16)
                if not b:
                    raise Error("guest \"%s\" went away while it ran: %s" % (self.name, _short(command)))
                buf += b

            try:
                token = secrets.token_hex(8).encode()
                data = command.encode()
                s.settimeout(left())
                s.sendall(b"run %s %d\n" % (token, len(data)) + data)
                # What an earlier command left behind comes first.
                while token + b"\n" not in buf:
                    buf = buf[-64:]
                    more()
                buf = buf.split(token + b"\n", 1)[1]
                while True:
                    while len(buf) < 5:
                        more()
                    kind, n = chr(buf[0]), struct.unpack(">I", buf[1:5])[0]
                    if kind not in "oex" or n > 1 << 20:
                        raise Error("guest \"%s\" answered nonsense" % self.name)
                    while len(buf) < 5 + n:
                        more()
                    data, buf = buf[5:5 + n], buf[5 + n:]
                    yield kind, int(data) if kind == "x" else data
                    if kind == "x":
                        return
            except (socket.timeout, TimeoutError):
                raise Error("guest \"%s\": no end within %g s: %s" % (self.name, timeout, _short(command)))
            except OSError as e:
                raise Error("guest \"%s\": %s" % (self.name, e.strerror or e))
            finally:
                s.close()
        finally:
            lock.close()

    def run(self, command, timeout=120):
        out, err, status = [], [], None
        for kind, data in self.stream(command, timeout):
            if kind == "x":
                status = data
            else:
                (out if kind == "o" else err).append(data)
        return Result(status, b"".join(out), b"".join(err))

    def check(self, command, timeout=120):
        """Like run, but the command must succeed."""
        r = self.run(command, timeout)
        if r.status:
            raise Error("guest \"%s\": status %d from `%s`: %s" % (self.name, r.status, _short(command), (r.err or r.out).strip()))
        return r

    def qmp(self, execute, **arguments):
        self.need_pid()
        s = self.connect("qmp")
        f = s.makefile("rw")

        def reply():
            for line in f:
                m = json.loads(line)
                if "return" in m or "error" in m or "QMP" in m:
                    return m
            raise Error("guest \"%s\": QEMU closed its monitor" % self.name)

        def send(name, args=None):
            f.write(json.dumps({"execute": name, **({"arguments": args} if args else {})}) + "\n")
            f.flush()
            m = reply()
            if "error" in m:
                raise Error("guest \"%s\": %s: %s" % (self.name, name, m["error"].get("desc")))
            return m["return"]

        try:
            reply()
            send("qmp_capabilities")
            return send(execute, arguments)
        except OSError as e:
            raise Error("guest \"%s\": QEMU's monitor: %s" % (self.name, e))
        finally:
            f.close()
            s.close()


class Lab(Guest):
    """A guest that plays the host: dvirt runs in it, as root, with kprobes, fentry, tracefs and all that its kernel has,
    whatever this machine's own kernel has. `files` get in at start, at the same paths ("PATH" or "PATH:DESTINATION"),
    programs with their libraries; `dvirt` of the build folder is always among them. With `kvm` there is a KVM, and an ordinary
    guest under it for each of `inner`, a name or "NAME:KERNEL"; with `net` those named web and db have the network and the
    services of the demonstration's. See scripts/lab, guests/lab and guests/inner."""

    def command(self, kernel="6.1", kvm=False, inner=("inner",), net=False, files=(), tools=(), mem=None, cpu=None, append="",
                **how):
        inner = [(n, k or kernel) for n, _, k in (x.partition(":") for x in inner)] if kvm else []
        for n, _ in inner:
            Guest(n)
        argv = [os.path.join(HERE, "lab-image")] + (["--kvm"] if kvm else [])
        argv += [x for _, k in inner for x in ("--inner", k)] + [x for t in tools for x in ("--tool", t)]
        make = subprocess.run(argv, stdout=subprocess.PIPE, text=True)
        if make.returncode:
            raise Error("there is no image for the laboratory \"%s\"" % self.name)
        parts = make.stdout.split("\n")[:-1]
        kernels = [re.sub(r"^inner-|\.cpio$", "", os.path.basename(p)) for p in parts if "/inner-" in p]
        names = list(dict.fromkeys(k for _, k in inner))
        append = "%s guest.kvm=%d guest.net=%d guest.inner=%s" % (
            append, kvm, net, ",".join("%s:%s" % (n, kernels[names.index(k)]) for n, k in inner))
        size = sum(map(os.path.getsize, parts)) >> 20
        how = dict(dict(ip=[], peer=[], run=[], dvirt=False), **how)
        # The file system is in memory, and may fill half of it.
        return super().command(kernel=kernel, mem=mem or "%dM" % (512 + 3 * size + 256 * len(inner)),
                               cpu=cpu or ("EPYC,+svm" if kvm else "max"), append=append.strip(),
                               parts=parts + [self._pack(files)], **how)

    @staticmethod
    def _pack(files):
        out = io.BytesIO()
        try:
            image = imagelib.Cpio(out)
            tool = os.path.join(build_folder(), "dvirt")
            if os.access(tool, os.X_OK):
                image.host(tool)
                image.link("usr/bin/dvirt", tool)
            for f in files:
                path, _, to = f.partition(":")
                image.host(path, to)
            image.close()
        except (imagelib.Error, OSError) as e:
            raise Error("cannot pack a file for the laboratory: %s" % e)
        return out.getvalue()

    def wait(self, timeout=120):
        super().wait(timeout)
        os.unlink(self.path("initrd"))
        return self

    def ready(self, *names):
        """Waits until these guests of the laboratory's are; on a machine that has much to do that takes a while."""
        for n in names:
            self.check("for i in 1 2 3 4; do inner %s wait && exit 0; done; exit 1" % shlex.quote(n), 600)

    def inner(self, command, name="inner", timeout=180):
        """Runs a shell command in a guest of the laboratory's, as `run` does; the first waits until it is ready."""
        return self.run("inner %s run %s" % (shlex.quote(name), shlex.quote(command)), timeout)

    def wait_inner(self, *names, timeout=900):
        """Waits until these guests of the laboratory's answer. It asks seldom: the laboratory has one CPU, theirs."""
        end = time.monotonic() + timeout
        for name in names:
            folder = "/run/inner/" + shlex.quote(name)
            while self.run("grep -q 'guest ready: ' %s/console.log" % folder).status:
                if self.run("kill -0 $(cat %s/pid)" % folder).status or time.monotonic() > end:
                    raise Error("laboratory \"%s\": its guest \"%s\" is not ready: %s"
                                % (self.name, name, self.run("inner %s log" % shlex.quote(name)).out[-1500:]))
                time.sleep(1)

    def check_inner(self, command, name="inner", timeout=180):
        """Like inner, but the command must succeed."""
        r = self.inner(command, name, timeout)
        if r.status:
            raise Error("guest \"%s\" of \"%s\": status %d from `%s`: %s"
                        % (name, self.name, r.status, _short(command), (r.err or r.out).strip()))
        return r

    def put(self, path, data):
        """Writes a file in the laboratory that runs."""
        data = data.encode() if isinstance(data, str) else data
        q = shlex.quote(path)
        self.check("mkdir -p $(dirname %s) && : >%s" % (q, q))
        # An argument of a program may have 128 KiB.
        for i in range(0, len(data), 1 << 16):
            self.check("echo %s | base64 -d >>%s" % (base64.b64encode(data[i:i + (1 << 16)]).decode(), q))


class Guests:
    """Guests that are stopped at the end, however it comes."""

    def __init__(self):
        self.all = []

    def __enter__(self):
        self.old = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def start(self, name, **how):
        return self._start(Guest(name), how)

    def lab(self, name="lab", kind=Lab, **how):
        return self._start(kind(name), how)

    def _start(self, g, how):
        if g.pid():
            g.stop()
        self.all.append(g)
        return g.start(**how)

    def wait(self, timeout=120):
        for g in self.all:
            g.wait(timeout)
        return self.all

    def __exit__(self, *_):
        for g in self.all:
            g.stop()
        signal.signal(signal.SIGTERM, self.old)


def running():
    try:
        names = sorted(os.listdir(run_folder()))
    except OSError:
        return []
    return [g for g in (Guest(n) for n in names if os.path.exists(os.path.join(run_folder(), n, "state.json"))) if g.pid()]
