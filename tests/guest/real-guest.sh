#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# real-guest.sh [CASE...]: boots Debian's kernels under QEMU's TCG, with their RAM in a file, and compares what
# src/guest finds in that file with what the guest says of itself. Needs scripts/guest and a build. Cases:
# KERNEL-MEM-SMP[-WORD]..., or FILE[,FILE]...@MEM-SMP[-WORD]... with a kernel of your own (see guest-image --help).
# Words: "pti" for page-table isolation switched on, "nokaslr", "pc" for the older machine, "haswell", "skylake".

top=$(cd "$(dirname "$0")/../.." && pwd)
tool=${DVIRT_BUILD:-$top/build}/tests/guest/real-guest
[ -x "$tool" ] || { echo "real-guest.sh: $tool is not there; build first" >&2; exit 2; }
[ $# -gt 0 ] || set -- 6.1-256M-1 6.1-8G-4 6.12-256M-4 6.12-8G-1 6.1-512M-1-pti 6.12-512M-2-pti

tmp=$(mktemp -d /tmp/dvirt-real-guest.XXXXXX) || exit 2
export DVIRT_RUN=$tmp/run
name=g$$
failed=0 checks=0

end() {
	"$top/scripts/guest" stop $name >/dev/null 2>&1
	rm -rf "$tmp"
}
trap end EXIT
trap 'exit 130' INT TERM

check() { # WHAT COMMAND...
	local what=$1
	shift
	checks=$((checks + 1))
	if ! "$@" >"$tmp/out" 2>&1; then
		failed=$((failed + 1))
		echo "$case: failed: $what"
		head -5 "$tmp/out" | sed 's/^/    /'
	fi
}
# Sizes may have a suffix that guest and QEMU know.
guest() { "$top/scripts/guest" run $name "$1"; }
qmp() { "$top/scripts/guest" qmp $name "$@" >/dev/null; }
registers() { # sets cr3 cr4 rip efer cpl of the first CPU
	local r
	r=$("$top/scripts/guest" qmp $name human-monitor-command '{"command-line":"info registers"}' |
		sed 's/\\r\\n/\n/g; s/\\n/\n/g')
	cr3=$(sed -n 's/.*CR3=\([0-9a-f]*\).*/\1/p' <<<"$r")
	cr4=$(sed -n 's/.*CR4=\([0-9a-f]*\).*/\1/p' <<<"$r")
	rip=$(sed -n 's/.*RIP=\([0-9a-f]*\).*/\1/p' <<<"$r")
	efer=$(sed -n 's/.*EFER=\([0-9a-f]*\).*/\1/p' <<<"$r")
	cpl=$(sed -n 's/.*CPL=\([0-9]\).*/\1/p' <<<"$r")
}
ask() { "$tool" "$tmp/ram" "$cr3" "$cr4" "$rip" "$efer" "$@"; }
field() { sed -n "s/^$1 //p" "$tmp/info"; }

one() {
	local mem smp kernel rest words ms ok i append="" machine=q35 cpu=max
	case $case in
	*@*) kernel=${case%@*} rest=${case##*@} ;;
	*) kernel=${case%%-*} rest=${case#*-} ;;
	esac
	IFS=- read -r mem smp words <<<"$rest"
	for i in ${words//-/ }; do
		case $i in
		pti) append="$append pti=on" ;;
		nokaslr) append="$append nokaslr" ;;
		pc) machine=pc ;;
		haswell) cpu=Haswell ;;
		skylake) cpu=Skylake-Client ;;
		*) echo "real-guest.sh: what is \"$i\" in \"$case\"?" >&2; exit 2 ;;
		esac
	done
	case=${case##*/}
	rm -rf "$tmp/ram" "$tmp/cache"
	if ! "$top/scripts/guest" start --timeout 180 --no-dvirt --bare --kernel "$kernel" --smp "$smp" --mem "$mem" \
		-M $machine --append "$append" $name -- -object "memory-backend-file,id=m0,size=$mem,mem-path=$tmp/ram,share=on" \
		-machine memory-backend=m0 -cpu $cpu >"$tmp/out" 2>&1; then
		cat "$tmp/out"
		failed=$((failed + 1))
		return
	fi
	guest 'cat /proc/kallsyms' >"$tmp/kallsyms"
	guest 'cat /proc/modules' >"$tmp/modules"
	guest 'cd /sys/kernel/btf && stat -c "%n %s" *' >"$tmp/btf"
	guest 'uname -r' >"$tmp/release"
	# At rest, in the kernel.
	for i in 1 2 3 4 5 6 7 8 9; do
		registers
		[ "$cpl" = 0 ] && break
		sleep 0.1
	done

	mkdir -m 700 "$tmp/cache"
	if ! ask "$tmp/cache" info >"$tmp/info" 2>&1; then
		failed=$((failed + 1))
		echo "$case: failed: cannot recognise the guest"
		cat "$tmp/info"
		"$top/scripts/guest" stop $name >/dev/null
		return
	fi
	check "release" test "$(field release)" = "$(cat "$tmp/release")"
	check "size of BTF" test "$(field btf_size)" = "$(sed -n 's/^vmlinux //p' "$tmp/btf")"
	check "still the same kernel" test "$(field still)" = 1
	check "reads little, whatever the size of RAM: $(field mib) MiB" test "$(field mib | cut -d. -f1)" -lt 100
	ms=$(field open_ms)
	check "first time in $ms ms" test "${ms%.*}" -lt 500
	check "direct map is known" test "$(field direct | cut -d' ' -f1)" != 0
	for i in 1 2 3 4 5; do
		ask "$tmp/cache" info >"$tmp/info"
		ms="$ms $(field open_ms)"
	done
	check "cached" test "$(field cached)" = 1
	check "second time in $ms ms" test "$(tr ' ' '\n' <<<"$ms" | sort -n | head -1 | cut -d. -f1)" -lt 100

	# Symbols: the kernel's in the same order, the modules' as a set (the guest lists them module by module).
	ask - symbols | grep -v '\[' >"$tmp/sym"
	grep -v '\[' "$tmp/kallsyms" >"$tmp/sym.guest"
	check "kernel's symbols: $(wc -l <"$tmp/sym")" cmp "$tmp/sym" "$tmp/sym.guest"
	# A module's exported symbols have a capital letter in some kernels' list.
	ask - symbols | grep '\[' | sed 's/ ./\L&/' | sort >"$tmp/sym"
	# What BPF programs and ftrace add is no module's.
	grep '\[' "$tmp/kallsyms" | grep -v '\[bpf\]\|\[__builtin' | sed 's/ ./\L&/' | sort >"$tmp/sym.guest"
	check "modules' symbols: $(wc -l <"$tmp/sym")" cmp "$tmp/sym" "$tmp/sym.guest"
	ask - modules >"$tmp/mods"
	check "modules" diff <(cut -d' ' -f1,2 "$tmp/mods") <(awk '{print $1, $6}' "$tmp/modules")
	# Modules have types since 5.11.
	grep -v ^vmlinux "$tmp/btf" | sort >"$tmp/btf.mods"
	check "modules' BTF" diff <(awk '$4 {print $1, $4}' "$tmp/mods" | sort) "$tmp/btf.mods"
	check "virtio_net is there" grep -q ^virtio_net "$tmp/mods"
	check "a prototype" grep -qx "ssize_t vfs_read(struct file \* file, char \* buf, size_t count, loff_t \* pos)" \
		<(ask - protos vfs_read)
	[ ! -s "$tmp/btf.mods" ] || check "a module's prototype" \
		grep -q "^int virtnet_poll(struct napi_struct \* napi, int budget)" <(ask - protos virtnet_poll)
	check "registers of user mode on the kernel's stack" grep -qx "cs 33 ss 2b" <(ask - ptregs)
	guest 'ps -o pid,comm | sed 1d' | awk '$2 !~ /^(ps|sed|sh|kworker.*)$/ && $1 < 60 {print $1}' | sort >"$tmp/ps"
	check "tasks" test -z "$(comm -23 "$tmp/ps" <(ask - tasks | awk '{print $1}' | sort -u))"

	# Stacks of tasks that sleep, by the unwind tables: as the guest's own unwinder sees them. Those that stayed the same.
	stacks() {
		guest 'for t in /proc/[0-9]*/task/*; do echo "T ${t##*/}"; cat $t/stack 2>/dev/null; done' |
			sed 's/^\[<0>\] //; s,/0x[0-9a-f]*.*,,'
	}
	stacks >"$tmp/stacks.1"
	qmp stop
	ask - stacks >"$tmp/stacks"
	qmp cont
	stacks >"$tmp/stacks.2"
	python3 "$top/tests/guest/same-stacks.py" "$tmp/stacks.1" "$tmp/stacks" "$tmp/stacks.2" >"$tmp/stacks.out"
	check "stacks: $(tail -1 "$tmp/stacks.out")" grep -qx "same" "$tmp/stacks.out"

	# What runs: a program that does nothing but run, on each CPU.
	guest "printf '#!/bin/sh\nwhile :; do :; done\n' >/tmp/spinner; chmod +x /tmp/spinner
	       i=0; while [ \$i -lt $smp ]; do /tmp/spinner >/dev/null 2>&1 & i=\$((i + 1)); done"
	ok=0
	for i in 1 2 3 4 5 6 7 8 9; do
		sleep 0.3
		qmp stop
		registers
		[ "$(ask - current "$smp" 2>/dev/null | grep -c ' spinner$')" = "$smp" ] && ok=1
		[ $ok = 1 ] && [ "$cpl" = 3 ] && break
		qmp cont
	done
	check "the running task of each CPU" test $ok = 1
	# Stopped in user mode, where isolation shows little of the kernel.
	check "in user mode" test "$cpl" = 3
	[[ $words == *pti* ]] && check "isolation is on (cr3 $cr3)" test $((0x$cr3 & 0x1000)) != 0
	check "recognised from user mode" grep -qx "release $(cat "$tmp/release")" <(ask - info)
	qmp cont
	"$top/scripts/guest" stop $name >/dev/null
	echo "$case: first open, then cached: $ms ms"
}

for case; do
	one
done
echo "$checks checks, $failed failed"
[ $failed = 0 ]
