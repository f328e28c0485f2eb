# SPDX-License-Identifier: GPL-2.0-or-later
"""Running dvirt in system tests."""

import os
import re
import shlex
import signal
import subprocess
import tempfile
import time

DVIRT = os.environ["DVIRT"]


class Trace:
    """dvirt in the background: `with Trace(script, ...) as t:` begins when its probes are in."""

    pause = 0.01  # between two looks at its output, s

    def __init__(self, script, machines=(), args=(), ready="READY", timeout=60, macro=()):
        # A BEGIN clause fires before any guest is traced; the first tick comes when all are.
        if ready:
            script += '\ntick-10ms /!ready__/ { ready__ = 1; printf("%s\\n"); }' % ready
        self.ready = ready
        self.timeout = timeout
        self.begin(script, ["-q"] + [x for m in machines for x in ("-M", m)] + list(args), list(macro))

    def begin(self, script, options, macro):
        self.argv = [DVIRT] + options + ["-n", script] + macro
        # Files, not pipes: nobody reads while the guests work.
        self.files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        self.p = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=self.files[0], stderr=self.files[1])

    def __enter__(self):
        if self.ready:
            try:
                self.expect(self.ready)
            except BaseException:
                self.kill()
                raise
        return self

    def poll(self):
        """Its status when it has ended, else None."""
        return self.p.poll()

    def read(self):
        """What it has written by now, as (standard output, standard error)."""
        out = []
        for f in self.files:
            size = os.fstat(f.fileno()).st_size
            out.append(os.pread(f.fileno(), size, 0).decode("utf-8", "replace"))
        return out

    def expect(self, text, timeout=None, stream=0):
        """Waits until standard output contains a text."""
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            status = self.poll()
            out, err = self.read()
            if text in (out, err)[stream]:
                return
            assert status is None, "dvirt ended (%s) before %r: %s" % (status, text, err)
            assert time.monotonic() < end, "%r did not come; there is %r, %r" % (text, out[-2000:], err)
            time.sleep(self.pause)

    def expect_err(self, text, timeout=None):
        """The same for standard error."""
        self.expect(text, timeout, 1)

    def signal(self, number):
        self.p.send_signal(number)

    def stop(self, timeout=60):
        """Ends it as Ctrl-C does; returns (standard output, standard error)."""
        if self.poll() is None:
            self.signal(signal.SIGINT)
        return self.wait(timeout)

    def end(self, timeout):
        """Waits for its end; returns its status."""
        return self.p.wait(timeout)

    def wait(self, timeout=60):
        self.status = self.end(timeout)
        out, err = self.read()
        return (out.replace(self.ready + "\n", "", 1) if self.ready else out), err

    def kill(self):
        if self.poll() is None:
            self.signal(signal.SIGKILL)
        self.end(30)

    def __exit__(self, *_):
        if self.poll() is None:
            self.kill()


class LabTrace(Trace):
    """The same in a laboratory (guestlib.Lab). The command may be another than dvirt."""

    count = 0
    pause = 0.3  # what looks is a shell of the laboratory's, on the CPU that its guests have, too

    def __init__(self, lab, script, *args, env="", **how):
        self.lab = lab
        self.env = env
        LabTrace.count += 1
        self.dir = "/tmp/trace-%d-%d" % (os.getpid(), LabTrace.count)
        super().__init__(script, *args, **how)

    def begin(self, script, options, macro):
        self.argv = ["dvirt"] + options + ["-s", self.dir + "/script.d"] + macro
        self.lab.put(self.dir + "/script.d", script)
        command = " ".join(map(shlex.quote, self.argv))
        self.lab.check("cd %s && >out && >err && { (%s sh -c 'echo $$ >pid; exec %s' >out 2>err </dev/null; echo $? >end; mv end status)"
                       " >/dev/null 2>&1 & }" % (self.dir, self.env, command.replace("'", "'\\''")))

    def poll(self):
        text = self.lab.check("cat %s/status 2>/dev/null || true" % self.dir).out.strip()
        return int(text) if text else None

    def read(self):
        r = self.lab.check("cd %s; cat out; cat err >&2" % self.dir)
        return r.out, r.err

    def signal(self, number):
        self.lab.check("for i in 1 2 3 4 5; do [ -s %s/pid ] && break; usleep 50000; done; kill -%d $(cat %s/pid)"
                       % (self.dir, number, self.dir))

    def end(self, timeout):
        end = time.monotonic() + timeout
        while True:
            status = self.poll()
            if status is not None:
                return status
            assert time.monotonic() < end, "dvirt does not end"
            time.sleep(self.pause)


def dvirt(*args, timeout=60, stdin=None, env=None):
    """Runs dvirt to its end: (status, standard output, standard error)."""
    p = subprocess.run([DVIRT] + list(args), stdin=subprocess.DEVNULL if stdin is None else stdin,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                       env=dict(os.environ, **env) if env else None)
    return p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace")


def table(text):
    """Rows of the default form of an aggregation: key words to value."""
    rows = {}
    for line in text.splitlines():
        w = line.split()
        if len(w) >= 1 and re.fullmatch(r"-?\d+", w[-1]):
            rows[tuple(w[:-1])] = int(w[-1])
    return rows


def stacks(out):
    """Lists of frames, as `module`function` without offsets: indented lines that follow one another."""
    all_, cur = [], []
    for line in out.splitlines() + [""]:
        if re.match(r" {14}\S", line):
            cur.append(re.sub(r"\+0x[0-9a-f]+$", "", line.strip()))
        elif cur:
            all_.append(cur)
            cur = []
    return all_


def in_order(stack, *names):
    """Does the stack have these frames, in this order?"""
    i = 0
    for f in stack:
        if i < len(names) and re.fullmatch(names[i], f):
            i += 1
    return i == len(names)


class Parts:
    """Says in the log of a test which of its parts are done, and how long each took."""

    def __init__(self):
        self.at = time.monotonic()

    def done(self, what):
        now = time.monotonic()
        print("%6.1f s  %s" % (now - self.at, what), flush=True)
        self.at = now


def fds(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def rss_kib(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M).group(1))


def round_trip(a, b):
    """A script for `exercise ping` in the guest `a` to `exercise pong` in `b` over a network of QEMU's dgram sockets, and how many
    steps it has in a round: it prints the lines of inversions().

    The round's number is in the packet: behind 42 bytes of Ethernet, IP and UDP in QEMU's buffers. Each step is the cause of
    the next, by the packet or by the program. A packet that is lost is sent again; what counts is the first time that a step
    was seen. The first round does not: its receiver was waiting before it was traced."""
    frame = 14 + 20 + 8 + 64
    steps = []
    for x, y in ((a, b), (b, a)):
        steps += [
            (x + ":syscall::sendto:entry", 'execname == "exercise"', "arg1"),
            ("host:syscall::sendto:entry", 'guestname == "%s" && arg2 == %d' % (x, frame), "arg1 + 42"),
            ("host:syscall::recvfrom:return", 'guestname == "%s" && self->buf && arg1 == %d' % (y, frame), "self->buf + 42"),
            (y + ":syscall::recvfrom:return", "self->buf && (int)arg1 > 0", "self->buf"),
        ]
    script = """
        %s:syscall::recvfrom:entry, %s:syscall::recvfrom:entry /execname == "exercise"/ { self->buf = arg1; }
        host:syscall::recvfrom:entry /guestname != ""/ { self->buf = arg1; }
        """ % (a, b)
    for i, (probe, predicate, where) in enumerate(steps):
        script += r'%s /%s/ { printf("S %d %%d %%d %%d %%d\n", *(uint64_t *)copyin(%s, 8), seq, timestamp, n); n++; }' % (
            probe, predicate, i, where) + "\n"
    return script, len(steps)


def inversions(text, rounds, steps):
    """Of the lines "S step packet seq timestamp n", for the packets 2 to rounds + 1 and what comes next within and between
    them: (pairs, inversions in [sequence, time, the variable, the order of output])."""
    first = {}
    for i, m in enumerate(re.finditer(r"^S (\d) (\d+) (\d+) (\d+) (\d+)$", text, re.M)):
        step, packet, seq, time_, n = map(int, m.groups())
        first.setdefault((packet, step), (seq, time_, n, i))
    bad = [0, 0, 0, 0]
    pairs = 0
    before = None
    for step in ((r, s) for r in range(2, rounds + 2) for s in range(steps)):
        assert step in first, "round %d, step %d is missing" % step
        if before:
            pairs += 1
            for k in range(4):
                bad[k] += first[step][k] <= before[k]
        before = first[step]
    return pairs, bad
