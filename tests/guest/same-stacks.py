#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""same-stacks.py BEFORE OURS AFTER: stacks of tasks, each behind a line "T TID", one frame a line. Those that are the same
before and after must be the same in between, but for the few of tasks that went somewhere and came back. The first line says
"same" when they are and there were enough of them."""

import sys


def read(path):
    stacks, cur = {}, None
    for line in open(path, encoding="utf-8", errors="replace"):
        w = line.split()
        if not w:
            continue
        if w[0] == "T":
            cur = stacks.setdefault(w[1], [])
        elif cur is not None:
            cur.append(w[0])
    return stacks


before, ours, after = (read(p) for p in sys.argv[1:4])
stable = [t for t in before if before[t] and before[t] == after.get(t)]
wrong = [t for t in stable if ours.get(t) != before[t]]
frames = sum(len(before[t]) for t in stable)
print("same" if len(stable) > 10 and len(wrong) <= len(stable) // 10 else "different")
for t in wrong[:5]:
    print("%s: %s, not %s" % (t, ours.get(t), before[t]))
print("%d tasks, %d frames, %d wrong" % (len(stable), frames, len(wrong)))
