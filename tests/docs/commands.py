# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that README.md, the man page and docs/stable.md show, for the tests that run them."""

import os
import re

from examples import whole

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def joined(lines, start):
    """The commands that begin with a text, with the lines that belong to them."""
    lines = iter(lines)
    for line in lines:
        if line.startswith(start):
            while not whole(line):
                line += "\n" + next(lines)
            yield "dvirt" + line[len(start):]


def commands():
    yield from joined([x[4:] for x in read("README.md").split("\n") if x.startswith("    ")], "build/dvirt")
    for block in re.findall(r"^\.Bd .*\n((?:.*\n)*?)^\.Ed$", read("docs", "man", "dvirt.1"), re.M):
        yield from joined(block.replace("\\e", "\\").split("\n"), "$ dvirt")
    yield from (x for x in re.findall(r"`(dvirt [^`]*)`", read("docs", "stable.md")))
