# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 3000
"""KVM on an Intel processor, which Bochs interprets: the same clauses in a guest as test-kvm's on an AMD processor. Exact counts at
entries and returns of a system call, of functions, of a module's function; one exit of the processor for each hit; the stack
pointer that the trap brings along, and with it stacks, callers and arguments; reasons of exits by Intel's names; time on the
virtual CPU; code byte for byte what it was afterwards, also after SIGKILL."""

import os
import re
import subprocess
import sys

import bochslib
import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import table  # noqa: E402

N = 100
FUNCS = ["__x64_sys_getppid", "vfs_read", "vfs_write", "ksys_read"]
CODE = "BEGIN { %s exit(0); }" % "".join(
    'printf("%s %%x %%x %%x\\n", *(uint64_t *)&inner`vmlinux`%s, ((uint64_t *)&inner`vmlinux`%s)[1], ((uint64_t *)&inner`vmlinux`%s)[2]);'
    % (f, f, f, f) for f in FUNCS)
READY = 'tick-10ms /!ready__/ { ready__ = 1; printf("READY\\n"); }'
EXACT = """
inner:syscall::getppid:entry, inner:syscall::getppid:return /execname == "exercise"/ { @n["syscall", probename] = count(); }
inner:syscall::getppid:entry /execname == "exercise"/ { self->at = timestamp; @s[stack(2)] = count(); }
inner:syscall::getppid:return /self->at && timestamp > self->at && arg1 == ppid/ { @n["good", "return"] = count(); self->at = 0; }
inner:fbt::__x64_sys_getppid: /execname == "exercise"/ { @n["fbt", probename] = count(); }
inner:fbt::vfs_read:entry /execname == "exercise" && args[2] == 1/ {
    self->read = 1;
    @n["read", "entry"] = count();
    @b["bytes", "asked"] = sum(args[2]);
    @n["same", uregs[R_RSP] == uregs[R_R11] && caller == *(uint64_t *)uregs[R_RSP] ? "yes" : "no"] = count();
    @s[stack()] = count();
}
inner:fbt::vfs_read:return /self->read/ { self->read = 0; @n["read", "return"] = count(); @b["bytes", "got"] = sum(arg1); }
inner:fbt:virtio_console:port_fops_write:entry { @n["module", "entry"] = count(); }
inner:fbt::vfs_write:entry /strstr(stringof(args[0]->f_path.dentry->d_name.name), "vport") != NULL/ { @n["module", "vfs_write"] = count(); }
inner:vm:::exit { @r[args[1]] = count(); }
host:kvm:::exit /args[3] == "INVD"/ { @x["invd"] = count(); }
host:kvm:::userspace-exit { @x["userspace"] = count(); }
""" + READY
TIME = """
inner:profile:::profile-500 { @n[arg0 ? "kernel" : "user"] = count(); }
inner:syscall::getppid:entry /execname == "exercise"/ { self->v = vtimestamp; self->t = timestamp; }
inner:syscall::getppid:return /self->v/ { @n[vtimestamp - self->v <= timestamp - self->t ? "within" : "odd"] = count(); self->v = 0; }
""" + READY
KILL = "inner:fbt::vfs_read:entry, inner:fbt::vfs_write:entry, inner:syscall::getppid: { @ = count(); }" + READY
# What is done there; each part's output begins with its name.
COMMAND = """
cd /tmp
part() { echo; echo "=== $1"; }
begin() {
    dvirt -q -s /tmp/$1.d >/tmp/out 2>/tmp/err &
    pid=$!
    until grep -q READY /tmp/out || ! kill -0 $pid; do usleep 200000; done
}
end() { kill -INT $pid; wait $pid; echo "ended $?"; cat /tmp/out /tmp/err; }
guest() { inner inner run "$1" >/dev/null || echo "the guest: $?"; }
code() { dvirt -q -s /tmp/code.d 2>&1; }

part doctor
dvirt doctor --kvm
inner inner wait || inner inner wait || inner inner wait || exit 1
part ps
dvirt ps
part before
code
part exact
begin exact
guest "exercise getppid %(n)d; exercise read %(n)d"
end
part after
code
part time
begin time
guest "exercise spin 3000000; exercise getppid %(n)d"
end
part killed
begin kill
guest "exercise getppid 20"
kill -9 $pid
n=0
while code | grep -qE ' [0-9a-f]*080f(e38949)?( |$)' && [ $n -lt 100 ]; do n=$((n + 1)); usleep 100000; done
code
part guarded
guest "exercise getppid 20"
part clean
dvirt clean
part cleaned
code
ls /run/dvirt | grep traps
part end
""" % {"n": N}

have = subprocess.run([os.path.join(os.environ["DVIRT_TOP"], "scripts", "lab-image"), "--bochs"], stdout=subprocess.DEVNULL)
if have.returncode:
    print("skipped: Debian's Bochs cannot be had here")
    sys.exit(77)

with guestlib.Guests() as g:
    files = {"code": CODE, "exact": EXACT, "time": TIME, "kill": KILL}
    command = "".join("cat >/tmp/%s.d <<'ENDOFSCRIPT'\n%s\nENDOFSCRIPT\n" % f for f in files.items()) + COMMAND
    lab = g.lab("lab-intel", kind=bochslib.IntelLab, kvm=True, kernel=os.environ.get("DVIRT_LAB_KERNEL", "6.12"), inner=["inner:6.1"],
                command=command)
    result = lab.result(2900)
print(result.out)
assert result.status == 0, result.status
parts = dict(re.findall(r"^=== (\w+)\n(.*?)\n(?==== |\Z)", result.out, re.M | re.S))

doctor = parts["doctor"]
assert "KVM: Intel (kvm_intel)" in doctor and "the guest goes on behind it" in doctor, doctor
assert "registers in memory at kvm_exit: rax rcx rdx rbx rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15\n" in doctor, doctor
assert "registers not in memory there: rsp rip" in doctor, doctor
assert not re.search(r"^  no ", doctor[doctor.index("guests under KVM"):], re.M), doctor
assert re.search(r"^inner +kvm +ready .*fbt.*syscall", parts["ps"], re.M), parts["ps"]
before = parts["before"].strip()
assert len(before.splitlines()) == len(FUNCS) and all(re.match(r"\w+( [0-9a-f]+){3}$", x) for x in before.splitlines()), before

out = parts["exact"]
n = table(out)
assert out.startswith("ended 0\n") and "error" not in out and "drop" not in out, out
for row in (("syscall", "entry"), ("syscall", "return"), ("fbt", "entry"), ("fbt", "return"), ("good", "return"),
            ("read", "entry"), ("read", "return"), ("bytes", "asked"), ("bytes", "got"), ("same", "yes")):
    assert n[row] == N, (row, n)
assert ("same", "no") not in n and n[("module", "entry")] == n[("module", "vfs_write")] > 0, n
assert re.search(r"sys_getppid(\+0x4)?\n +vmlinux`do_syscall_64\+0x", out), out
assert re.search(r"vmlinux`vfs_read\n +vmlinux`ksys_read\+0x\w+\n +vmlinux`(__x64_sys_read|do_syscall_64)", out), out
hits = 2 * N + 2 * N  # the system call and its function are the same two places
assert n[("invd",)] >= hits + n[("module", "entry")] and n[("INVD",)] >= hits and n.get(("userspace",), 0) < hits // 2, n
assert parts["after"].strip() == before, (before, parts["after"])

out = parts["time"]
n = table(out)
assert out.startswith("ended 0\n") and n[("within",)] == N and ("odd",) not in n and n[("user",)] > 0, out

assert not re.search(r" [0-9a-f]*080f(e38949)?( |$)", parts["killed"], re.M), parts["killed"]  # invd, also behind mov %rsp,%r11
assert "traps taken out" in parts["clean"], parts["clean"]
assert parts["cleaned"].strip() == before, (before, parts["cleaned"])
assert "the guest: " not in result.out
