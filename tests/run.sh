#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# run.sh SUITE...: runs suites and closes with the sum over all of them, "N passed, N failed, N skipped".
# "unit PROGRAM... [--]" runs cmocka programs; "live" and "system" run the programs of those names, which
# need root and count as one skipped test each without it; "packaging" and "fuzz" run the scripts of these names. Output
# goes to the terminal as it comes.
set -u
O=${O:-build}
passed=0 failed=0 skipped=0
failures=$(mktemp) # told again at the end

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
	[ "$bad" -eq 0 ] ||
		echo "FAIL $1: $(grep -aE '\[  FAILED  \] ' "$log" | tail -n +2 | xargs) status $status" >> "$failures"
	add "$good" "$bad" "$left"
	rm -f "$log"
}

# ---- what the kernel lets nobody see
# Some kernels run no BPF program while process 1 is the current task (process_one.c; README, Limits), nor for what
# softirqs do that interrupt it. There the kernel's own tracing counts how many of the events that lastack lives by came
# about just then. Each can fail a test: so many tests, but no more than AGAIN_MAX, are played once more, and it is said.
AGAIN_MAX=3
tracing= hides=
hidden_begin() {
	local name
	if [ -z "$hides" ]; then # one answer holds for all suites
		"$O/process_one"
		hides=$?
	fi
	[ "$hides" -eq 0 ] || return 0
	tracing=$(mktemp -d)
	mount -t tracefs lastack "$tracing" || return 0
	mkdir "$tracing/instances/lastack-$$" || return 0
	cd "$tracing/instances/lastack-$$" || return 0
	echo 1 > options/event-fork
	(cd /proc/1/task && echo *) > set_event_pid
	for name in sock/inet_sock_set_state sock/inet_sk_error_report tcp/tcp_retransmit_skb tcp/tcp_retransmit_synack \
		tcp/tcp_send_reset tcp/tcp_receive_reset timer/timer_expire_entry; do
		echo 1 > "events/$name/enable"
	done
	cd "$OLDPWD" || exit 1
}

hidden_count() {
	grep -acE ': (inet_|tcp_)[a-z_]+: |: timer_expire_entry: .* function=(tcp_keepalive_timer|tcp_write_timer|tw_timer_handler) ' \
		"$tracing/instances/lastack-$$/trace" 2>/dev/null
}

hidden_end() {
	[ -n "$tracing" ] || return 0
	rmdir "$tracing/instances/lastack-$$" 2>/dev/null
	umount "$tracing" 2>/dev/null
	rmdir "$tracing"
	tracing=
}
trap hidden_end EXIT

# again SUITE LOG: S00 stands for a live run as a whole.
again() {
	local count hidden names
	count=$(grep -ac '^FAIL ' "$2")
	hidden=$(hidden_count)
	echo "while process 1 ran, where no BPF program does: ${hidden:=0} events"
	[ "$count" -gt 0 ] && [ "$count" -le "$hidden" ] && [ "$count" -le "$AGAIN_MAX" ] || return 1
	names=$(sed -nE 's/^FAIL ([A-Za-z0-9_]+).*/\1/p' "$2" | grep -v '^S00$' | sort -u | paste -sd,)
	echo "== $1 once more: ${names:-all of it}"
	LASTACK=$O/lastack timeout 600 "$O/$1" ${names:+--only "$names"} || return 1
	passed=$((passed + count)) failed=$((failed - count))
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
	[ "$1" != live ] && [ "$1" != system ] || hidden_begin
	LASTACK=$O/lastack timeout 1200 "$program" 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)
	if [ -z "$line" ]; then
		echo "FAIL $1: ended with status $status and no closing line" | tee -a "$failures"
		add 0 1 0
	else
		# shellcheck disable=SC2046 # three numbers
		add $(echo "$line 0" | grep -oE '[0-9]+' | head -3)
		[ -n "$tracing" ] && again "$1" "$log" || grep -a '^FAIL ' "$log" | cut -c1-500 >> "$failures"
	fi
	hidden_end
	rm -f "$log"
}

while [ $# -gt 0 ]; do
	case $1 in
	unit) shift; while [ $# -gt 0 ] && [ "$1" != -- ]; do unit "$1"; shift; done; [ $# -eq 0 ] || shift ;;
	*) suite "$1"; shift ;;
	esac
done
cat "$failures"
rm -f "$failures"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
