# SPDX-License-Identifier: GPL-2.0-or-later
"""Running dvirt in system tests."""

import os
import re
import signal
import subprocess
import tempfile
import time

DVIRT = os.environ["DVIRT"]


class Trace:
    """dvirt in the background: `with Trace(script, ...) as t:` begins when its probes are in."""

    def __init__(self, script, machines=(), args=(), ready="READY", timeout=60, macro=()):
        # A BEGIN clause fires before any guest is traced; the first tick comes when all are.
        if ready:
            script += '\ntick-10ms /!ready__/ { ready__ = 1; printf("%s\\n"); }' % ready
        self.ready = ready
        argv = [DVIRT, "-q"] + [x for m in machines for x in ("-M", m)] + list(args) + ["-n", script] + list(macro)
        self.argv = argv
        # Files, not pipes: nobody reads while the guests work.
        self.files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        self.p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.files[0], stderr=self.files[1])
        self.timeout = timeout

    def __enter__(self):
        if self.ready:
            try:
                self.expect(self.ready)
            except BaseException:
                self.kill()
                raise
        return self

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
            over = self.p.poll() is not None
            out, err = self.read()
            if text in (out, err)[stream]:
                return
            assert not over, "dvirt ended (%s) before %r: %s" % (self.p.returncode, text, err)
            assert time.monotonic() < end, "%r did not come; there is %r, %r" % (text, out[-2000:], err)
            time.sleep(0.01)

    def expect_err(self, text, timeout=None):
        """The same for standard error."""
        self.expect(text, timeout, 1)

    def stop(self, timeout=60):
        """Ends it as Ctrl-C does; returns (standard output, standard error)."""
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGINT)
        return self.wait(timeout)

    def wait(self, timeout=60):
        self.status = self.p.wait(timeout)
        out, err = self.read()
        return (out.replace(self.ready + "\n", "", 1) if self.ready else out), err

    def kill(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()

    def __exit__(self, *_):
        if self.p.poll() is None:
            self.kill()


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


def fds(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def rss_kib(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M).group(1))
