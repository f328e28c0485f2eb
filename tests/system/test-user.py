# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
"""User programs of this host: exact counts and values of pid and static probes, and programs that are the same with a
probe on everything in them as without."""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import dvirt  # noqa: E402

TMP = os.environ["DVIRT_TMP"]
PROGS = os.path.join(os.environ["DVIRT_BUILD"], "tests", "elf", "progs")

os.chdir(TMP)
status, out, err = dvirt("-l", "-n", "pid%d:a.out::entry" % os.getpid())
if status and "D_PDESC_ZERO" not in err and ("no permission" in err or "cannot" in err or "built without" in err):
    print("this kernel or this user cannot probe user programs: " + err.splitlines()[0])
    sys.exit(77)

with open("rounds", "w") as f:
    f.write("100\n10\n")
ROUNDS = list(range(100)) + list(range(10))


def numbers(script, prog="prog", rest="< rounds > /dev/null"):
    s, out, err = dvirt("-qn", script, "-c", "%s/%s %s" % (PROGS, prog, rest))
    assert s == 0, (script, s, out, err)
    assert "error" not in err and "drop" not in err, (script, err)
    return [int(x) for x in out.split()]


for prog in "prog", "prog.static", "prog.stripped":
    # target(i, 3) returns 2 * i + 3.
    got = numbers("""
        pid$target:a.out:target:entry { @a = count(); @b = sum(arg0); @c = max(arg1); }
        pid$target:a.out:target:return { @d = count(); @e = sum(arg1); }
        pid$target:a.out:forked:return { @f = count(); }
        END { printa("%@d %@d %@d %@d %@d %@d\\n", @a, @b, @c, @d, @e, @f); }""", prog)
    want = [110, sum(ROUNDS), 3, 110, sum(2 * i + 3 for i in ROUNDS), 110]
    assert got == want, (prog, got, want)

# Where a function returns: one of its return instructions, each an offset that is a probe of its own.
got = numbers('pid$target:a.out:target:return { @[arg0] = count(); } END { printa("%d %@d\\n", @); }')
assert got[0] > 0 and sum(got[1::2]) == 110, got
assert numbers('pid$target:a.out:target:%x { @ = count(); } END { printa("%%@d\\n", @); }' % got[0]) == [got[1]], got

# Who calls: at a function's first instruction, and at its return, that is on the stack, whether there are frame pointers or not.
for prog in "prog", "prog.static":
    s, out, err = dvirt("-qn", """
        pid$target:a.out:hidden:entry, pid$target:a.out:hidden:return, pid$target:a.out:target:entry, pid$target:a.out:target:return
        { @[probefunc, probename, ufunc(ucaller), ustackdepth > 1] = count(); }
        END { printa("%s %s %A %d %@d\\n", @); }""", "-x", "aggsortkey", "-c", "%s/%s < rounds > /dev/null" % (PROGS, prog))
    want = ["%s %s %s`%s 1 110" % (func, end, prog, caller) for func, caller in (("hidden", "outer"), ("target", "main"))
            for end in ("entry", "return")]
    assert s == 0 and out.split("\n")[:4] == want, (prog, s, out, err)

for prog in "prog", "prog.static", "prog.bare":
    # round(i, (short)-i, 3 * i, -7, "text"); counted(10 * (i & 7), (char)-i), which has a semaphore.
    got = numbers("""
        prog$target:::round { @a = sum(args[0]); @b = sum(args[1]); @c = sum(args[2]); @d = sum(args[3]); }
        prog$target:::counted { @e = sum(args[0]); @f = sum(args[1]); }
        END { printa("%@d %@d %@d %@d %@d %@d\\n", @a, @b, @c, @d, @e, @f); }""", prog)
    want = [sum(ROUNDS), -sum(ROUNDS), 3 * sum(ROUNDS), -7 * len(ROUNDS), sum(10 * (i & 7) for i in ROUNDS), -sum(ROUNDS)]
    assert got == want, (prog, got, want)

# Arguments that cannot be had: in a register that the kernel does not keep, in memory that is not there.
for arg, fault, value in ("arg0", 3, 0), ("arg1", 1, 8):
    s, out, err = dvirt("-qn", "other$target:::nowhere { x = %s; @b = count(); } other$target:::nowhere { @c = sum(arg2); } "
                        "ERROR { @e[arg4, arg5] = count(); }" % arg, "-c", PROGS + "/prog < rounds > /dev/null")
    assert s == 0 and sorted(map(int, out.split())) == sorted([fault, value, 110, 770]), (arg, out, err[:300])

# A probe on every function and on every return, and the program does what it does without.
with open("random", "wb") as f:
    f.write(os.urandom(300000))
with open("calculate.py", "w") as f:
    f.write("""
import decimal, hashlib, json, math, re
d = {str(i): [math.sin(i), i ** 20, "x" * i] for i in range(20)}
s = json.dumps(d, sort_keys=True)
print(hashlib.sha256(s.encode()).hexdigest(), len(re.findall(r"[0-9]+", s)), decimal.Decimal(2).sqrt())
print("%.17g" % math.exp(1.5), [math.gamma(x / 3) for x in range(1, 5)], sorted(map(str, range(30))))
""")
COMMANDS = ["sha256sum random", "sort -R --random-source=random /etc/passwd", "gzip -nc random", "/usr/bin/python3 calculate.py",
            "awk 'BEGIN { for (i = 0; i < 1000; i++) s += sin(i) * exp(i / 1000); printf \"%.12f\\n\", s }'",
            PROGS + "/prog < rounds"]
hits = 0
for command in COMMANDS:
    if not shutil.which(command.split()[0]):
        print("not here: " + command)
        continue
    want = subprocess.run(command, shell=True, stdout=subprocess.PIPE).stdout
    for name in "entry", "return":
        s, out, err = dvirt("-qo", "count", "-n", "pid$target:::%s { @ = count(); }" % name, "-c", command + " > out", timeout=200)
        assert s == 0, (command, name, s, err)
        with open("out", "rb") as f:
            assert f.read() == want, (command, name)
        with open("count") as f:
            n = int(f.read().split()[0])
        os.unlink("count")
        print("%8d of %s: %s" % (n, name, command))
        assert n > 50, (command, name, n)
        hits += n

# What is wrong is said.
for args, word in (("pid99999999:::entry", "no process"), ("pid%d:nosuch::entry" % os.getpid(), "has no module 'nosuch'"),
                   ("pid%d:a.out:nosuchfunction:entry" % os.getpid(), "has no function 'nosuchfunction'"),
                   ("nosuch%d:::probe" % os.getpid(), "static probes|no provider")):
    s, out, err = dvirt("-n", args)
    assert s == 1 and any(w in err for w in word.split("|")), (args, s, err)
print("%d hits, programs unharmed" % hits)
