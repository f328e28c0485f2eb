#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""examples.py [--dvirt PROGRAM] [--on PLACE]... [--update] FILE.md...: runs the examples of documents and compares what they print.

An example is a fenced block of Markdown:

    ```console      lines "$ COMMAND", each followed by what it prints, standard error too. A command goes on in the
                    next lines while a quote is open or a line ends with a backslash.
    ```d            a script. The next fenced block says what becomes of it:
      ```output         what `dvirt -q -s script.d` prints
      ```console        commands that use the script, by the name of script.d
    ```             without a word, or another word: no example

A comment before a block says more; it does not show:

    <!-- example: WORD; WORD... -->
        guest          needs the guests web and db with their traffic, as ./demo starts them
        host           needs a host whose kernel can be traced
        kvm            needs a guest web under KVM, as a laboratory has it (tests/system/test-kvm-find.py runs these)
        run WHERE CMD  meanwhile this shell command is run again and again in the guest WHERE
        file NAME      the block is not run: it is put into this file, for the examples after it on the page
        text           the block is not run
        mask NAME      what varies: `numbers`, `addresses`, `bars` (rows of a distribution), `frames` (rows of a stack,
        mask /REGEX/   one or more) or a regular expression. What matches is replaced by '#' on both sides
        some           each line that is shown has to be there, in this order; others may be between them

All else has to be the same to the character, but for blanks at the end of a line, empty lines at the end,
and the number after "at DIF offset", which is where in the compiled code a fault was. An example that does not need the host runs
without it (DVIRT_HOST=no): its descriptions without a machine part mean the guests. Every ```d block is an example, unless it says otherwise. The examples of a
page run one after the other in one folder. Without --on those that need no place run; with it those that need one, and no other. The rest is counted.

With --update what differs is written into the documents; read the difference before you believe it.
"""

import argparse
import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile

MASKS = {
    "numbers": r"[ \t]*-?\b\d+\b",
    "addresses": r"0x[0-9a-f]+",
    "bars": r"(?:^ *[<>]?=? *-?\d+ +\|.*\n)+",
    "frames": r"(?:^ +\S+`\S+\n|^ +0x[0-9a-f]+\n)+",
}
PLACES = ("guest", "host", "kvm")
SECONDS = 60


class BadDocument(Exception):
    pass


class Block:
    """A fenced block: its word, its lines, the index of the first in the file, and the words of the comment before it."""

    def __init__(self, word, start, words):
        self.word, self.start, self.lines, self.words = word, start, [], words


class Example:
    def __init__(self, page, block, script=None):
        self.page, self.block, self.script = page, block, script
        self.words = block.words + (script.words if script else [])
        self.needs = {w for w in self.words if w in PLACES}
        self.some = "some" in self.words
        self.masks, self.runs = [], []
        for w in self.words:
            name, _, what = w.partition(" ")
            if name == "mask" and re.fullmatch("/.+/", what):
                self.masks.append(re.compile(what[1:-1], re.M))
            elif name == "mask" and what in MASKS:
                self.masks.append(re.compile(MASKS[what], re.M))
            elif name == "run" and self.needs & {"guest", "kvm"} and " " in what:
                self.runs.append(what.split(" ", 1))
            elif w != "some" and w not in PLACES:
                raise BadDocument("%s:%d: \"%s\" is no word for an example" % (page.path, block.start, w))

    def commands(self):
        """(index of the first line, of the line behind the command, of that behind its output, command)"""
        b = self.block
        if b.word == "output":
            yield 0, 0, len(b.lines), "dvirt -q -s script.d"
            return
        i = 0
        while i < len(b.lines):
            if not b.lines[i].startswith("$ "):
                raise BadDocument("%s:%d: a command begins with \"$ \"" % (self.page.path, b.start + i + 1))
            first, text = i, b.lines[i][2:]
            i += 1
            while not whole(text):
                if i == len(b.lines):
                    raise BadDocument("%s:%d: the command does not end" % (self.page.path, b.start + first + 1))
                text += "\n" + b.lines[i]
                i += 1
            end = i
            while i < len(b.lines) and not b.lines[i].startswith("$ "):
                i += 1
            yield first, end, i, text

    def plain(self, text):
        text = re.sub(r"at DIF offset \d+", "at DIF offset #", text)
        for m in self.masks:
            text = m.sub(lambda x: "#\n" if x.group().endswith("\n") else "#", text)
        return re.sub("(?:#\n)+", "#\n", re.sub("#+", "#", text))

    def same(self, shown, got):
        shown, got = self.plain(shown), self.plain(got)
        if not self.some or not shown:
            return shown == got
        lines = iter(got.splitlines())
        return all(any(x == y for y in lines) for x in shown.splitlines())


def whole(command):
    if command.endswith("\\"):
        return False
    try:
        shlex.split(command)
        return True
    except ValueError:
        return False


class Page:
    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as f:
            self.lines = f.read().split("\n")
        self.blocks = list(self._blocks())
        self.steps = list(self._steps())

    def _blocks(self):
        words, block = [], None
        for i, line in enumerate(self.lines):
            if block:
                if line == "```":
                    yield block
                    block, words = None, []
                else:
                    block.lines.append(line)
            elif line.startswith("```"):
                block = Block(line[3:].strip(), i + 1, words)
            elif re.fullmatch(r"<!-- example: .* -->", line):
                words = [w.strip() for w in line[len("<!-- example: "):-len(" -->")].split(";")]
            elif line.strip():
                words = []
        if block:
            raise BadDocument("%s:%d: the block does not end" % (self.path, block.start))

    def _steps(self):
        """Examples, and (name, text) of files."""
        script = None
        for b in self.blocks:
            file = next((w[5:] for w in b.words if w.startswith("file ")), None)
            if file:
                yield file, "\n".join(b.lines) + "\n"
            elif "text" in b.words or b.word not in ("d", "output", "console"):
                pass
            elif b.word == "d":
                if script:
                    break
                script = b
                continue
            elif b.word == "output" and not script:
                raise BadDocument("%s:%d: output of no script" % (self.path, b.start))
            else:
                yield Example(self, b, script)
                script = None
            if script:
                break
        if script:
            raise BadDocument("%s:%d: nothing says what becomes of the script" % (self.path, script.start))

    def write(self):
        with open(self.path, "w", encoding="utf-8") as f:
            f.write("\n".join(self.lines))


class Here:
    """Where the examples of a page run: in a folder of their own on this machine, the guests below `scripts/guest`."""

    def __init__(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.folder = self.tmp.name
        os.mkdir(os.path.join(self.folder, ".run"))

    def put(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def run(self, command, needs):
        """What it prints, or None if it does not end."""
        env = dict(os.environ)
        if "host" not in needs:
            env["DVIRT_HOST"] = "no"
        if "guest" not in needs:
            env["DVIRT_RUNDIR"] = os.path.join(self.folder, ".run")
        try:
            p = subprocess.run(["bash", "-c", command], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=SECONDS, env=env)
        except subprocess.TimeoutExpired:
            return None
        return p.stdout.decode("utf-8", "replace")

    def guest(self, name, command):
        subprocess.run(["guest", "run", name, command], check=True, stdin=subprocess.DEVNULL)

    def close(self):
        self.tmp.cleanup()


class Meanwhile:
    """Commands that guests run as long as an example does."""

    def __init__(self, place, runs):
        self.place, self.runs = place, runs

    def __enter__(self):
        for name, command in self.runs:
            self.place.guest(name, "touch /tmp/example; { while [ -e /tmp/example ]; do %s; usleep 100000; done; } >/dev/null 2>&1 &" % command)

    def __exit__(self, *_):
        for name, _ in self.runs:
            self.place.guest(name, "rm -f /tmp/example")


def shown(text):
    """Without blanks at the end of a line and empty lines at the end, which nobody sees."""
    text = "\n".join(x.rstrip() for x in text.split("\n")).rstrip("\n")
    return text + "\n" if text else ""


def run_page(page, places, update, place):
    """(run, failed, left out)"""
    count, failed, left, edits = 0, 0, 0, []
    for step in page.steps:
        if isinstance(step, tuple):
            place.put(*step)
            continue
        if not step.needs <= places or bool(step.needs) != bool(places):
            left += 1
            continue
        if step.script:
            place.put("script.d", "\n".join(step.script.lines) + "\n")
        good = True
        for _, end, last, command in step.commands():
            want = shown("\n".join(step.block.lines[end:last]))
            with Meanwhile(place, step.runs):
                got = place.run(command, step.needs)
            got = "no end within %d s\n" % SECONDS if got is None else shown(got)
            if step.same(want, got):
                continue
            at = step.block.start + end
            edits.append((at, step.block.start + last, got.split("\n")[:-1]))
            good = False
            sys.stdout.write("%s:%d: %s\n" % (page.path, at + 1, command.split("\n")[0]))
            for line in difflib.unified_diff(step.plain(want).split("\n"), step.plain(got).split("\n"), "shown", "printed",
                                             lineterm="", n=3):
                print("    " + line)
        count += 1
        failed += not good
    if update and edits:
        for begin, end, lines in reversed(edits):
            page.lines[begin:end] = lines
        page.write()
    return count, failed, left


def main():
    p = argparse.ArgumentParser(description="Runs the examples of documents.")
    p.add_argument("--on", action="append", default=[], choices=PLACES, help="what there is to run them on")
    p.add_argument("--update", action="store_true", help="write what they print into the documents")
    p.add_argument("--dvirt", metavar="PROGRAM", help="otherwise the one in PATH")
    p.add_argument("files", nargs="+", metavar="FILE.md")
    a = p.parse_args()
    # The same for everybody: no colours, one language, one time zone, no machine but those that are given.
    os.environ.update(LC_ALL="C", TZ="UTC")
    if a.dvirt:
        os.environ["PATH"] = os.path.dirname(os.path.abspath(a.dvirt)) + ":" + os.environ["PATH"]
    total = [0, 0, 0]
    for path in a.files:
        place = Here()
        try:
            n = run_page(Page(path), set(a.on), a.update, place)
        except BadDocument as e:
            print(e)
            n = (0, 1, 0)
        finally:
            place.close()
        total = [x + y for x, y in zip(total, n)]
    print("%d examples, %d failed, %d left out" % tuple(total))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
