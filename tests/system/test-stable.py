# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
"""Probes with stable names on real guests, kernels 6.1 and 6.12: sched, proc, io, vminfo, ip, tcp, udp, each compared
with what was done in the guest."""

import os
import re
import sys

import guestlib

sys.path.insert(0, os.path.join(os.environ["DVIRT_TOP"], "tests", "system"))
from trace import Trace, dvirt, table  # noqa: E402

ALL = {
    "sched": "on-cpu off-cpu sleep enqueue dequeue wakeup change-pri surrender tick",
    "proc": "create lwp-create start lwp-start exec exec-success exec-failure exit lwp-exit fault signal-send signal-handle "
            "signal-clear",
    "io": "start done wait-start wait-done",
    "lockstat": "adaptive-acquire adaptive-acquire-error adaptive-release adaptive-block adaptive-spin spin-acquire spin-release "
                "spin-spin rw-acquire rw-release rw-downgrade rw-block rw-spin",
    "ip": "send receive", "tcp": "send receive state-change connect-request connect-established connect-refused accept-established accept-refused",
     "udp": "send receive",
}
ADDRESS = {"web": "10.0.0.1", "db": "10.0.0.2"}


def run(guest, script, do):
    with Trace(script, [guest.name]) as t:
        r = guest.check(do)
        out, err = t.stop()
    assert t.status == 0 and "error" not in err, err
    return out.splitlines(), r


def listed(g):
    for provider, names in ALL.items():
        status, out, err = dvirt("-M", g.name, "-l", "-P", provider)
        have = {x.split()[-1] for x in out.splitlines()[1:]}
        assert status == 0 and have == set(names.split()), (provider, have, err)
    status, out, err = dvirt("-M", g.name, "-e", "-n", "sched:::preempt")
    assert status and "on %s there are no tracepoints" % g.name in err, err
    status, out, err = dvirt("-M", g.name, "-l", "-v", "-n", "sched:::off-cpu")
    assert "args[0]: lwpsinfo_t *" in out and "args[1]: psinfo_t *" in out, out


def sched(g):
    """Whoever leaves a CPU, another gets on; a thread that ends its sleep was woken and put into a queue."""
    out, r = run(g, """
        sched:::off-cpu { @n["off"] = count(); }
        sched:::on-cpu { @n["on"] = count(); }
        sched:::off-cpu /args[0]->pr_lwpid == tid && tid/ { @n["same"] = count(); }
        sched:::wakeup /args[1]->pr_fname == "exercise"/ { @n["wakeup"] = count(); }
        sched:::enqueue /args[1]->pr_fname == "exercise"/ { @n["enqueue"] = count(); @cpu[args[2]->cpu_id] = count(); }
        sched:::dequeue /((struct task_struct *)arg0)->comm == "exercise"/ { @n["dequeue"] = count(); }
        sched:::sleep /execname == "exercise"/ { @n["sleep"] = count(); }
        sched:::tick { @n["tick"] = count(); }
        sched:::change-pri /args[2] == 7/ { printf("nice %s\\n", args[1]->pr_fname); }
        """, "exercise turns 100; renice -n 7 -p $$ >/dev/null; sleep 0.3")
    n = {k[0]: v for k, v in table("\n".join(out)).items()}
    assert n["on"] > 200 and abs(n["on"] - n["off"]) <= 4, n
    # Each turn puts one of two threads to sleep, unless the other is quicker, and wakes the other.
    assert "same" not in n and n["sleep"] >= 60 and n["wakeup"] >= 60 and n["enqueue"] >= n["wakeup"], n
    assert abs(n["enqueue"] - n["dequeue"]) <= n["enqueue"] // 4 and n["tick"] > 10, n
    assert "nice sh" in out, out


def proc(g):
    out, r = run(g, """
        proc:::create { printf("create %d by %d\\n", args[0]->pr_pid, pid); }
        proc:::start { printf("start %d\\n", pid); }
        proc:::lwp-start { @lwp["start", execname] = count(); }
        proc:::lwp-create { printf("lwp-create in %d of %s\\n", args[1]->pr_pid, execname); }
        proc:::exec { printf("exec %s\\n", args[0]); }
        proc:::exec-success { printf("success %s\\n", execname); }
        proc:::exec-failure { printf("failure %d\\n", args[0]); }
        proc:::exit { printf("exit %d %s %d\\n", pid, execname, args[0]); }
        proc:::lwp-exit { @lwp["exit", execname] = count(); }
        proc:::signal-send { printf("send %d to %d\\n", args[2], args[1]->pr_pid); }
        proc:::signal-handle /args[0] == 10/ { printf("handle %d by %d at %d\\n", args[0], pid, args[2] != 0 && args[1]->si_signo == 10 && args[1]->si_pid == pid); }
        """, """
        sh -c 'exec /nonexistent' 2>/dev/null
        sh -c 'trap : USR1; kill -USR1 $$; echo usr1 $$; true'
        sleep 60 & echo killed $!; kill $!; wait
        exercise threads 3 5
        true""")
    usr1, killed = (re.search(w + r" (\d+)", r.out).group(1) for w in ("usr1", "killed"))
    for line in ("exec /nonexistent", "failure 2", "send 10 to " + usr1, "handle 10 by %s at 1" % usr1,
                 "send 15 to " + killed, "start " + killed, "exit %s sh 1" % usr1):
        assert line in out, (line, out)
    assert any(x.startswith("create %s by " % killed) for x in out), out
    # Killed, not ended by itself; it may have been a copy of the shell still.
    assert any(re.match(r"exit %s \S+ 2$" % killed, x) for x in out), out
    assert sum(x.startswith("lwp-create in %d of exercise" % r["pid"]) for x in out) == 3, out
    assert out.index("exec /nonexistent") < out.index("failure 2")
    assert any(x.startswith("success exe") for x in out), out
    lwp = table("\n".join(out))
    assert lwp["exit", "exercise"] == 4, lwp
    # All that were created have started.
    made = {x.split()[1] for x in out if x.startswith("create ")}
    assert made == {x.split()[1] for x in out if x.startswith("start ")}, out


def io(g):
    """What is written goes to the disk and comes back done, each request once."""
    out, r = run(g, """
        io:::start { printf("start %x %d\\n", arg0, args[0]->b_bcount); }
        io:::done { printf("done %x %x\\n", arg0, args[1]->dev_major > 0 && args[1]->dev_statname == "vda"); }
        io:::wait-start { @n["wait-start"] = count(); } io:::wait-done { @n["wait-done"] = count(); }
        """, "dd if=/dev/zero of=/dev/vda bs=4096 count=16 conv=fsync 2>/dev/null; sleep 0.2")
    n = table("\n".join(out))
    assert n["wait-start",] == n["wait-done",] >= 1, out # the flush that fsync(2) asks for
    start = [x.split()[1:] for x in out if x.startswith("start")]
    done = [x.split()[1:] for x in out if x.startswith("done")]
    assert sum(int(x[1]) for x in start) >= 16 * 4096, out
    assert sorted(x[0] for x in start) == sorted(x[0] for x in done) and all(x[1] == "1" for x in done), out


def net(g):
    out, r = run(g, """
        ip:::send /args[3]->if_name == "lo"/ { printf("send %d %d\\n", args[4]->ipv4_protocol, args[2]->ip_ver); }
        ip:::receive /args[3]->if_local/ { printf("receive %s %d\\n", args[4]->ipv4_protostr, args[4]->ipv4_ihl); }
        udp:::send { printf("udp send %d\\n", args[0] != 0); }
        udp:::receive { printf("udp receive %d %d\\n", args[4]->udp_dport, args[4]->udp_length); }
        tcp:::send { printf("tcp send %d %d\\n", args[4]->tcp_dport, args[3]->tcps_rport == args[4]->tcp_dport); }
        tcp:::send /args[4]->tcp_dport == 80 || args[4]->tcp_dport == 6379/ {
            printf("to %s from %s v%d %d\\n", args[2]->ip_daddr, args[2]->ip_saddr, args[2]->ip_ver,
                args[2]->ip_plength == args[4]->tcp_offset || args[2]->ip_plength > args[4]->tcp_offset + 10); }
        tcp:::receive { printf("tcp receive %d\\n", args[4]->tcp_dport); }
        tcp:::state-change { printf("state %d\\n", args[5]->tcps_state); }
        tcp:::connect-request { printf("request %d\\n", args[3]->tcps_rport);
            printf("asks %s:%d of %s v%d %d\\n", args[2]->ip_daddr, args[4]->tcp_dport, args[2]->ip_saddr, args[2]->ip_ver,
                args[2]->ip_plength); }
        tcp:::connect-established { printf("connected %d %d\\n", args[3]->tcps_rport, args[4]->tcp_sport); }
        tcp:::connect-refused { printf("refused %d %s\\n", args[3]->tcps_rport, args[2]->ip_saddr); }
        tcp:::accept-established { printf("accepted %d\\n", args[3]->tcps_lport); }
        tcp:::accept-refused { printf("no accept %d\\n", args[4]->tcp_dport); }
        """, """
        ping -c 1 127.0.0.1 >/dev/null
        exercise http 127.0.0.1 81 1 2>/dev/null || true
        exercise pong 7000 5 >/dev/null & until grep -q ":1B58 " /proc/net/udp; do usleep 20000; done
        exercise ping 127.0.0.1 7000 5 32; wait
        exercise %s""" % ("http 127.0.0.1 80 2" if g.name == "web" else "redis 127.0.0.1 6379 2"))
    assert out.count("send 1 4") >= 2 and out.count("receive ICMP 20") >= 2, out
    assert out.count("udp send 1") == 10 and out.count("udp receive 7000 40") == 5, out
    port = 80 if g.name == "web" else 6379
    assert out.count("tcp send %d 1" % port) >= 4 and out.count("tcp receive %d" % port) >= 4, out
    # From closed, and from syn-sent
    assert out.count("request 81") == out.count("refused 81 127.0.0.1") == out.count("no accept 81") == 1, out
    assert out.count("to 127.0.0.1 from 127.0.0.1 v4 1") >= 4 and "asks 127.0.0.1:81 of 127.0.0.1 v4 0" in out, out
    for line in ("request %d", "connected %d %d", "accepted %d"):
        assert line.replace("%d", str(port)) in out, (line, out)
    assert "connected 81 81" not in out and "accepted 81" not in out and "no accept %d" % port not in out, out
    assert "state -6" in out and "state -2" in out, out


def vminfo(g):
    out, r = run(g, "vminfo:::as_fault { @n[execname] = sum(arg0); @ = sum(args[0]); }", "true")
    n = table("\n".join(out))
    assert sum(v for k, v in n.items() if len(k) == 1) > 20, out


def locks(g):
    """What is acquired is released. A file's semaphore and the mutex of its position, held for a megabyte, that several want
    at once: somebody waits, in all not longer than there are threads and time, and for a lock that was acquired."""
    out, r = run(g, """
        lockstat:::*-acquire { @n[probename] = count(); } lockstat:::*-release { @n[probename] = count(); }
        lockstat:::*-block, lockstat:::*-spin { @n[probename] = count(); @m["zero"] = sum(arg1 < 1); }
        lockstat:::adaptive-acquire { @m["held"] = sum((((unsigned long)args[0]->owner.counter) & ~7) == (unsigned long)curthread); }
        lockstat:::adaptive-acquire { @m["all"] = sum(1); }
        lockstat:::adaptive-acquire-error { @m["error"] = sum(1); }
        lockstat:::rw-acquire /args[1] == 0 && args[0] != 0/ { @m["writers"] = sum(1); }
        """, """
        for i in 1 2 3 4; do dd if=/dev/zero of=/tmp/f bs=256k count=60 conv=notrunc 2>/dev/null & done
        (for i in 1 2 3 4; do dd if=/dev/zero bs=4k count=3000 2>/dev/null & done; wait) | cat >/dev/null
        wait; (exec 3>/tmp/g; for i in 1 2 3; do dd if=/dev/zero bs=1M count=10 >&3 2>/dev/null & done; wait); rm /tmp/f /tmp/g""")
    n = {k[0]: v for k, v in table("\n".join(out)).items()}
    for kind in ("adaptive", "spin", "rw"):
        # A few are in between when the trace begins and ends.
        assert n[kind + "-acquire"] > 100 and abs(n[kind + "-acquire"] - n[kind + "-release"]) <= 20, n
    assert n["held"] == n["all"] and n["writers"] > 0 and "error" not in n and not n.get("zero"), n
    assert n.get("adaptive-block", 0) + n.get("adaptive-spin", 0) > 0 and n.get("rw-block", 0) + n.get("rw-spin", 0) > 0, n
    print({k: v for k, v in n.items() if k.endswith(("block", "spin"))})


def disk(name):
    path = os.path.join(os.environ["DVIRT_TMP"], name)
    with open(path, "wb") as f:
        f.truncate(8 << 20)
    return ["-drive", "file=%s,if=virtio,format=raw" % path]


with guestlib.Guests() as g:
    web = g.start("web", extra=disk("web.img"))
    db = g.start("db", kernel="6.12", smp=2, extra=disk("db.img"))
    g.wait(120)
    for guest in (web, db):
        for test in (listed, sched, proc, io, net, vminfo, locks):
            test(guest)
            print("%s: %s" % (guest.name, test.__name__))
