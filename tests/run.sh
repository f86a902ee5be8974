#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# run.sh SUITE...: runs suites and closes with the sum over all of them, "N passed, N failed, N skipped".
# "unit PROGRAM... [--]" runs cmocka programs; "live" and "system" run the programs of those names, which
# need root and count as one skipped test each without it; "packaging" and "fuzz" run the scripts of these names. Output
# goes to the terminal as it comes.
set -u
O=${O:-build}
passed=0 failed=0 skipped=0

add() { passed=$((passed + $1)); failed=$((failed + $2)); skipped=$((skipped + $3)); }

# The last line of its kind in a log: the number before a word, or 0.
number() { grep -aoE "$1" "$2" | tail -1 | grep -oE '[0-9]+' || echo 0; }

unit() {
	local log status good bad left
	log=$(mktemp)
	echo "== $1"
	timeout 600 "$1" 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	good=$(number '\[  PASSED  \] [0-9]+' "$log"); bad=$(number '\[  FAILED  \] [0-9]+' "$log")
	left=$(number '\[  SKIPPED \] [0-9]+' "$log")
	[ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1 # it crashed
	add "$good" "$bad" "$left"
	rm -f "$log"
}

# Linux 6.18 leaves out state changes that a timer brings about, rarely (README, Limits): of a live run, up to two scenarios
# in which an end was not told at all are played once more, and it is said.
again() {
	local ids count
	count=$(grep -ac '^FAIL ' "$1") || return 0
	ids=$(grep -aA1 '^FAIL S[0-9]* ipv' "$1" | grep -aB1 'got no report$' | sed -n 's/^FAIL \(S[0-9]*\) .*/\1/p')
	[ "$count" -le 2 ] && [ "$(echo "$ids" | grep -c .)" -eq "$count" ] || return 0
	echo "== live once more: $(echo $ids): an end was not told (README, Limits)"
	if LASTACK=$O/lastack timeout 300 "$O/live" --only "$(echo $ids | tr ' ' ,)"; then
		passed=$((passed + count)) failed=$((failed - count))
	fi
}

# The same of one system test: a connection whose end was not told, or that the kernel reaped without telling.
again_untold() {
	local name
	[ "$(grep -ac '^FAIL ' "$1")" -eq 1 ] || return 0
	name=$(sed -nE -e 's/^FAIL (probe_reaps): not silent: .*"verdict":"gone".*/\1/p' \
		-e 's/^FAIL ([a-z_]+): no report of the socket [0-9]+ came.*/\1/p' \
		-e "s/^FAIL (race_attach): the client's end of a connection .* is missing.*/\\1/p" "$1")
	[ -n "$name" ] || return 0
	echo "== system once more: $name: an end was not told (README, Limits)"
	if LASTACK=$O/lastack timeout 300 "$O/system" --only "$name"; then
		passed=$((passed + 1)) failed=$((failed - 1))
	fi
}

suite() {
	local log status line program=$O/$1
	if [ "$1" = packaging ]; then
		program=tests/packaging/packaging.sh
	elif [ "$1" = fuzz ]; then
		program=tests/fuzz/run.sh
	elif [ "$(id -u)" -ne 0 ]; then
		echo "skip $1: needs root"
		add 0 0 1
		return
	fi
	log=$(mktemp)
	echo "== $1"
	LASTACK=$O/lastack timeout 1200 "$program" 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)
	if [ -z "$line" ]; then
		echo "FAIL $1: ended with status $status and no closing line"
		add 0 1 0
	else
		# shellcheck disable=SC2046 # three numbers
		add $(echo "$line 0" | grep -oE '[0-9]+' | head -3)
		[ "$1" != live ] || again "$log"
		[ "$1" != system ] || again_untold "$log"
	fi
	rm -f "$log"
}

while [ $# -gt 0 ]; do
	case $1 in
	unit) shift; while [ $# -gt 0 ] && [ "$1" != -- ]; do unit "$1"; shift; done; [ $# -eq 0 ] || shift ;;
	*) suite "$1"; shift ;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
