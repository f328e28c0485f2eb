# SPDX-License-Identifier: GPL-2.0-or-later
"""Running dvirt in system tests."""

import os
import re
import select
import signal
import subprocess
import time

DVIRT = os.environ["DVIRT"]


class Trace:
    """dvirt in the background: `with Trace(script, ...) as t:` begins when its probes are in."""

    def __init__(self, script, machines=(), args=(), ready="READY", timeout=60, out=None, macro=()):
        # A BEGIN clause fires before any guest is traced; the first tick comes when all are.
        if ready:
            script += '\ntick-10ms /!ready__/ { ready__ = 1; printf("%s\\n"); }' % ready
        self.ready = ready
        argv = [DVIRT, "-q"] + [x for m in machines for x in ("-M", m)] + list(args) + ["-n", script] + list(macro)
        self.out = open(out, "wb") if out else None
        self.argv = argv
        self.text = b""
        self.p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.timeout = timeout

    def __enter__(self):
        if self.ready:
            try:
                self.expect(self.ready)
            except BaseException:
                self.kill()
                raise
        return self

    def expect(self, text, timeout=None):
        """Reads standard output until it contains a text."""
        end = time.monotonic() + (timeout or self.timeout)
        text = text.encode()
        while text not in self.text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.p.stdout], [], [], left)[0]:
                raise AssertionError("%r did not come; there is %r" % (text, self.text[-2000:]))
            data = os.read(self.p.stdout.fileno(), 1 << 16)
            if not data:
                err = self.p.stderr.read().decode("utf-8", "replace")
                raise AssertionError("dvirt ended (%s) before %r: %s" % (self.p.wait(), text, err))
            self.text += data

    def stop(self, timeout=60):
        """Ends it as Ctrl-C does; returns (standard output, standard error)."""
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGINT)
        out, err = self.p.communicate(timeout=timeout)
        self.text += out
        self.err = err.decode("utf-8", "replace")
        self.status = self.p.returncode
        return self.text.decode("utf-8", "replace").replace(self.ready + "\n", "", 1) if self.ready else \
            self.text.decode("utf-8", "replace"), self.err

    def wait(self, timeout=60):
        out, err = self.p.communicate(timeout=timeout)
        self.text += out
        self.err = err.decode("utf-8", "replace")
        self.status = self.p.returncode
        text = self.text.decode("utf-8", "replace")
        return (text.replace(self.ready + "\n", "", 1) if self.ready else text), self.err

    def kill(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()
        self.p.stdout.close()
        self.p.stderr.close()

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
