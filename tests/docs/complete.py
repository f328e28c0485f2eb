#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""complete.py TOP: every name that D has here is in the reference, and in docs/compat.md. The names are those of the program's own
tables."""

import glob
import os
import re
import sys

TOP = sys.argv[1]


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def names(pattern, *path):
    found = set(re.findall(pattern, read(*path), re.M))
    assert len(found) > 5, "%s has changed: no names are found in it" % os.path.join(*path)
    return found


def tags():
    found = set()
    for f in glob.glob(os.path.join(TOP, "src", "**", "*.[ch]"), recursive=True):
        found.update(re.findall(r'"(D_[A-Z0-9_]+)"', read(f)))
    assert len(found) > 100
    return found


def lacking(found, text):
    return sorted(n for n in found if not re.search(r"(?<![A-Za-z0-9_])%s(?![A-Za-z0-9_])" % re.escape(n), text))


def main():
    calls = names(r'^\s*(?:SUBR|ACT|AGG|NO_SUBR|NO_ACT)\("(\w+)"', "src", "lang", "calls.c")
    calls |= names(r'[ \t](?:SUBR|ACT|AGG|NO_SUBR|NO_ACT)\("(\w+)"', "src", "lang", "calls.c")
    calls |= names(r'DESTRUCT\(\w+, "(\w+)"', "src", "lang", "calls.c")
    options = names(r'\{ "(\w+)", (?:FLAG|SIZE|RATE|NUM|POLICY|RESIZE|TEXT|ENCODING|KEPT|VERSION|NO\()', "src", "tracer", "options.c")
    builtins = names(r'\{"(?!__)(\w+)", (?:DV_BI_\w+|0), ', "src", "lang", "check_name.c")
    pages = {os.path.basename(f)[:-3]: read(f) for f in glob.glob(os.path.join(TOP, "docs", "d", "*.md"))}
    compat = read("docs", "compat.md")
    bad = 0
    for what, found, where in (("calls", calls, ["subroutines", "actions", "aggregations"]), ("options", options, ["options"]),
                               ("variables", builtins, ["builtins"]), ("error tags", tags(), ["errors"])):
        left = lacking(found, "\n".join(pages[w] for w in where))
        if left:
            print("%s that are not in docs/d/%s: %s" % (what, " ".join(w + ".md" for w in where), " ".join(left)))
        bad += len(left)
        if what != "error tags":
            left = lacking(found, compat)
            if left:
                print("%s that are not in docs/compat.md: %s" % (what, " ".join(left)))
            bad += len(left)
    for name, text in pages.items():
        if name != "README" and "\n## On virtual machines\n" not in text:
            print("docs/d/%s.md does not say what is different for virtual machines" % name)
            bad += 1
        if name != "README" and "](%s.md)" % name not in pages["README"]:
            print("docs/d/README.md does not name %s.md" % name)
            bad += 1
        for page, anchor in re.findall(r"\]\((\w+)\.md#([\w-]+)\)", text) + [(name, a) for a in re.findall(r"\]\(#([\w-]+)\)", text)]:
            # As forges make them: small letters, blanks to hyphens, other marks left out.
            heads = [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", pages.get(page, ""), re.M)]
            if anchor not in heads:
                print("docs/d/%s.md: there is no %s.md#%s" % (name, page, anchor))
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
