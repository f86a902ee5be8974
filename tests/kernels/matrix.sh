#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# matrix.sh [SUITE...]: lastack on the kernels of several Debian suites, each booted in a virtual machine under
# software emulation (no KVM needed), with the programs that were built here for this host. In each: all programs
# loaded and attached on every tier, the same verdicts on each (tiers.c), privileges, the loss identity, live scenarios
# (guest.sh). Prints a line a test, a table, and closes with "N passed, N failed, N skipped".
#
# In: O, the build directory, where kernels and logs are kept too (O/kernels). PARTS, of tiers,system,live; live, four
# minutes a kernel, is only played when asked for. SECONDS_MAX, the time in which all must be done: what no longer fits
# is skipped, and said to be.
set -euo pipefail
O=${O:-build} PARTS=${PARTS:-tiers,system} SECONDS_MAX=${SECONDS_MAX:-900}
GUEST_SECONDS=240 # twice what a guest takes
case $PARTS in *live*) GUEST_SECONDS=500 ;; esac
[ $# -gt 0 ] || set -- bullseye bookworm trixie sid
here=$(dirname "$0") kernels=$O/kernels
table=
# shellcheck source-path=SCRIPTDIR
. "$here/virtual.sh"
mkdir -p "$kernels"

# Every verdict in a guest's log is told again, under the name of its kernel; a part that did not end is a failure.
results() {
	local kernel=$1 log=$2 verdict words part
	while read -r verdict words; do
		told "$verdict" "$kernel $words"
	done < <(grep -aE '^(ok|FAIL|skip) ' "$log")
	for part in ${PARTS//,/ }; do
		if ! grep -aq "^== end $part " "$log"; then
			told FAIL "$kernel $part: the guest ended before it did"
		elif ! grep -aqE "^== end $part [01]\$" "$log"; then
			told FAIL "$kernel $part: $(grep -a "^== end $part " "$log")"
		fi
	done
}

# A row a tier: what tiers.c says of it, and what the verifier had to look at.
rows() {
	local kernel=$1 log=$2 verified
	verified=$(sed -n 's/^state_change  *tracepoint  *loaded, \([0-9]*\) .*/\1/p' "$log")
	table+=$(awk -v kernel="$kernel" -v verified="${verified/#0/-}" '$1 == "figures" {
		printf "| %s | %s | %s of %s | %s / %s / %s | %s | %s | %s |\n", kernel, $2, $4, $3, $5, $6, $7, $8,
			verified, $9
	}' "$log")$'\n'
}

kernel_run() {
	local suite=$1 found release image kernel log seconds try
	if ! found=$("$here/fetch.sh" "$kernels" "$suite" 2>&1); then
		told skip "$suite: ${found##*$'\n'}"
		return
	fi
	read -r release image <<< "$found"
	kernel=${release%%[-+]*} log=$kernels/$suite.log
	echo "== $suite: $release"
	PATH=$O:$PATH "$here/image.sh" "$kernels/$suite" lastack tiers system live ip nft setpriv \
		> "$kernels/$suite.initramfs"
	for try in 1 2 3; do
		seconds=$((SECONDS_MAX - SECONDS))
		if [ "$seconds" -lt 60 ]; then
			told skip "$kernel: the $SECONDS_MAX seconds for all kernels are over"
			return
		elif [ "$try" = 3 ]; then
			told FAIL "$kernel: the guest does not boot or breaks down, tried twice: see $log"
			return
		fi
		[ "$seconds" -lt "$GUEST_SECONDS" ] || seconds=$GUEST_SECONDS
		! boot "$image" "$kernels/$suite.initramfs" 1024 "$seconds" "$log" "parts=$PARTS" || break
	done
	results "$kernel" "$log"
	rows "$kernel" "$log"
}

for suite; do
	kernel_run "$suite"
	rm -f "$kernels/$suite.initramfs"
done
echo
echo "| kernel | tier | ends told right | transitions / violations / gaps | lost | state_change verified | load ms |"
echo "| --- | --- | --- | --- | --- | --- | --- |"
echo "$table"
echo "took $SECONDS s"
told_all
