#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# matrix.sh [SUITE...]: lastack on the kernels of several Debian suites, each booted in a virtual machine under
# software emulation (no KVM needed), with the programs that were built here for this host. In each: all programs
# loaded and attached on every tier, the same verdicts on each (tiers.c), privileges, the loss identity, probes, the
# diagnosis, live scenarios (guest.sh). Then each kernel once more, with its own types taken out of it (typeless.sh):
# lastack must refuse to do without, and go by a file of them. Prints what each kernel's guest said once that has ended, tables (table.sh, also
# in O/kernels/matrix.md), and closes with "N passed, N failed, N skipped".
#
# In: O, the build directory, where kernels and logs are kept too (O/kernels). PARTS, of tiers,system,live,typeless, LIVE_SUITES,
# the suites in whose guests the live scenarios are played. SECONDS_MAX, the time in which all must be done: what no
# longer fits is skipped, and said to be. GUESTS at once: one takes a CPU whole.
set -euo pipefail
O=${O:-build} PARTS=${PARTS:-tiers,system,live,typeless} SECONDS_MAX=${SECONDS_MAX:-900}
GUESTS=${GUESTS:-$(nproc)}
GUEST_SECONDS=900 # some times what a guest takes
[ $# -gt 0 ] || set -- sid trixie bookworm bullseye # newer ones take longer
LIVE_SUITES=${LIVE_SUITES:-$*}
here=$(dirname "$0") kernels=$O/kernels
# shellcheck source-path=SCRIPTDIR
. "$here/virtual.sh"
mkdir -p "$kernels"

# The parts that are played on a suite's kernel as it is.
parts_of() {
	local part parts=
	for part in ${PARTS//,/ }; do
		case $part in
		typeless) ;;
		live) case " $LIVE_SUITES " in *" $1 "*) parts+=,live ;; esac ;;
		*) parts+=,$part ;;
		esac
	done
	echo "${parts#,}"
}

# Every verdict in a guest's log is told again, under the name of its kernel; of the live scenarios, which are many,
# those that passed are only counted. A part that did not end is a failure.
results() {
	local kernel=$1 log=$2 parts=$3 part
	awk -v kernel="$kernel" '
		/^== part / {part = $3}
		/^== end / {part = ""}
		/^  / && failing {print substr($0, 1, 1000)}
		!/^  / {failing = 0}
		$1 == "FAIL" {failing = 1}
		/^(ok|FAIL|skip) / {
			if (part == "live" && $1 == "ok") {live++; next}
			verdict = $1; sub(/^[a-zA-Z]+ /, ""); print verdict, kernel, $0
		}
		END {if (live) print "passed", live, "live scenarios on", kernel}' "$log"
	for part in ${parts//,/ }; do
		if ! grep -aq "^== end $part " "$log"; then
			echo "FAIL $kernel $part: the guest ended before it did"
		elif ! grep -aqE "^== end $part [01]\$" "$log"; then
			echo "FAIL $kernel $part: $(grep -a "^== end $part " "$log")"
		fi
	done
}

# boot_twice KERNEL IMAGE INITRAMFS LOG PARTS: a guest whose parts are played to their end, or why not
boot_twice() {
	local kernel=$1 image=$2 initramfs=$3 log=$4 parts=$5 try seconds
	for try in 1 2 3; do
		seconds=$((SECONDS_MAX - SECONDS))
		if [ "$seconds" -lt 60 ]; then
			echo "skip $kernel $parts: the $SECONDS_MAX seconds for all kernels are over"
			return 1
		elif [ "$try" = 3 ]; then
			echo "FAIL $kernel $parts: the guest does not boot or breaks down, tried twice: see $log"
			return 1
		fi
		[ "$seconds" -lt "$GUEST_SECONDS" ] || seconds=$GUEST_SECONDS
		! boot "$image" "$initramfs" 1024 "$seconds" "$log" "parts=$parts" || break
	done
	results "$kernel" "$log" "$parts"
}

# The same kernel without types of its own, and they as a file.
typeless_run() {
	local suite=$1 kernel=$2 image=$3 log=$kernels/$1-typeless.log why
	if [ "$(printf '%s\n5.19\n' "$kernel" | sort -V | head -1)" != 5.19 ]; then
		echo "skip $kernel typeless: before 5.19 a kernel whose types lack those of its maps takes no program at all"
		return
	fi
	if ! why=$("$here/typeless.sh" "$image" "$kernels/$suite.typeless" "$kernels/$suite.types" 2>&1); then
		echo "skip $kernel typeless: ${why##*$'\n'}"
		return
	fi
	PATH=$O:$PATH "$here/image.sh" "$kernels/$suite" lastack tiers "$kernels/$suite.types:/types" \
		> "$kernels/$suite.initramfs"
	boot_twice "$kernel-typeless" "$kernels/$suite.typeless" "$kernels/$suite.initramfs" "$log" typeless || true
	rm -f "$kernels/$suite.typeless" "$kernels/$suite.types"
}

kernel_run() {
	local suite=$1 found release image kernel log parts
	rm -f "$kernels/$suite.log" "$kernels/$suite-typeless.log"
	if ! found=$("$here/fetch.sh" "$kernels" "$suite" 2>&1); then
		echo "skip $suite: ${found##*$'\n'}"
		return
	fi
	read -r release image <<< "$found"
	kernel=${release%%[-+]*} log=$kernels/$suite.log parts=$(parts_of "$suite")
	echo "== $suite: $release"
	case ,$PARTS, in *,live,*) case ,$parts, in *,live,*) ;; *)
		echo "skip $kernel live: only asked for on $LIVE_SUITES, to save time" ;; esac ;; esac
	if [ -n "$parts" ]; then
		PATH=$O:$PATH "$here/image.sh" "$kernels/$suite" lastack tiers system live ip nft setpriv \
			> "$kernels/$suite.initramfs"
		boot_twice "$kernel" "$image" "$kernels/$suite.initramfs" "$log" "$parts" || return 0
	fi
	case ,$PARTS, in *,typeless,*) typeless_run "$suite" "$kernel" "$image" ;; esac
	echo "$kernel was done after $SECONDS s"
}

# What one kernel has to say comes out whole, whatever the other guest is doing.
suite_run() {
	local told=$kernels/$1.told
	kernel_run "$1" > "$told" 2>&1 || echo "FAIL $1: see above: the script broke down" >> "$told"
	rm -f "$kernels/$1.initramfs"
	flock "$kernels" cat "$told"
}

if ! command -v qemu-system-x86_64 > /dev/null; then
	told skip "kernels: no qemu-system-x86_64 here"
	told_all
	exit
fi
for suite; do
	while [ "$(jobs -rp | wc -l)" -ge "$GUESTS" ]; do
		wait -n
	done
	suite_run "$suite" &
done
wait

logs=()
for suite; do
	logs=("$kernels/$suite.log" "${logs[@]}") # oldest first, as they are named newest first
	passed=$((passed + $(grep -c '^ok ' "$kernels/$suite.told" || true)))
	passed=$((passed + $(sed -n 's/^passed \([0-9]*\) live.*/\1/p' "$kernels/$suite.told" | grep . || echo 0)))
	failed=$((failed + $(grep -c '^FAIL ' "$kernels/$suite.told" || true)))
	skipped=$((skipped + $(grep -c '^skip ' "$kernels/$suite.told" || true)))
done
for log in "${logs[@]}"; do
	[ -s "$log" ] || logs=("${logs[@]/$log/}")
done
# shellcheck disable=SC2068 # those without a log are empty words
"$here/table.sh" ${logs[@]} > "$kernels/matrix.md" && echo && cat "$kernels/matrix.md"
echo "took $SECONDS s"
told_all
