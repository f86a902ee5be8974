#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# memcheck.sh UNIT...: unit tests, replays, a moment of `live`, and a daemon with each verb that asks it, under valgrind;
# closes with "N passed, N failed, N skipped". An error, or a block that nothing points to at the end, is a failure.
# MEMCHECK_SHORT=1: only what takes seconds. What forks and kills, or measures time, is left to `make asan`.
set -u
cd "$(dirname "$0")/.." || exit 1
O=${O:-build}
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
LEFT_OUT=' test_hook_command test_http_prometheus '
NO_DESCRIPTORS=' test_control_clients test_http_hostile '
SHORT=' test_core_memory test_core_pure test_connection_table test_events test_options test_options_file test_recording test_replay test_report test_report_read test_store_writer test_text test_tracker test_tracker_end test_verdict '

# Errors are exit status 99, whatever else it ends with.
under_valgrind() {
	LASTACK_LIVES=20000 timeout 900 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
		--suppressions=tests/memcheck.supp "$@"
}

# check NAME COMMAND...
check() {
	local name=$1
	shift
	under_valgrind "$@" >/dev/null 2>"$log"
	judge $? "$name" "$@"
}

# judge STATUS NAME COMMAND...: by what it ended with and what is in the log; ends: the statuses that are right, if not 0
judge() {
	local status=$1 name=$2
	shift 2
	if [ "$status" -eq 99 ] || [ "$status" -ge 124 ]; then
		failed=$((failed + 1))
		echo "FAIL $name: status $status: $*"
		grep -av 'unhandled eBPF command' "$log" | head -40
	elif [[ " ${ends:-0} " != *" $status "* ]]; then
		failed=$((failed + 1))
		echo "FAIL $name: it fails under valgrind with status $status: $*"
		tail -5 "$log"
	else
		passed=$((passed + 1))
		echo "ok $name"
	fi
}

# A daemon in a place of its own, and each verb that asks it. Its filter of system calls is left out, as valgrind makes
# some in its process.
daemon_and_askers() {
	local place pid tries=0 status
	place=$(mktemp -d)
	chmod 755 "$place"
	LD_PRELOAD=$(realpath "$O")/no_filter.so under_valgrind "$O/lastack" daemon --user nobody --state-dir "$place/state" \
		--socket "$place/socket" --http "unix:$place/http" --reports "$place/reports" --settle 0 --stacks yes \
		>/dev/null 2>"$place/log" &
	pid=$!
	until grep -asq 'is ready' "$place/log" || [ $((tries += 1)) -gt 1200 ] || ! kill -0 $pid 2>/dev/null; do sleep 0.1; done
	check status "$O/lastack" status --socket "$place/socket"
	check list "$O/lastack" list --socket "$place/socket" --sort age
	check history "$O/lastack" history --socket "$place/socket" --group-by class,cause
	check follow "$O/lastack" follow --socket "$place/socket" --duration 1
	ends=4 check "show of nobody" "$O/lastack" show --socket "$place/socket" 1
	ends="0 1" check diagnose "$O/lastack" diagnose --socket "$place/socket" --stacks --show 3
	pkill -TERM -P $pid # 4: so slow a daemon may not have written all in time
	wait $pid
	status=$?
	cp "$place/log" "$log"
	ends="0 4" judge "$status" daemon "$O/lastack" daemon
	rm -rf "$place"
}

skip() {
	skipped=$((skipped + 1))
	echo "skip $1: $2"
}

if ! command -v valgrind >/dev/null; then
	skip memcheck "no valgrind"
	set --
else
	for form in "-o json" "-o csv" --events; do
		# shellcheck disable=SC2086 # words
		check "replay $form" "$O/lastack" replay $form tests/replay/scenarios.rec
	done
	check machine "$O/lastack" machine --coverage tests/replay/scenarios.rec
	if [ "$(id -u)" -eq 0 ]; then
		check live "$O/lastack" live -d 1
		daemon_and_askers
	else
		skip "live, daemon" "needs root"
	fi
fi
for unit in "$@"; do
	name=$(basename "$unit")
	if [[ $LEFT_OUT == *" $name "* ]]; then
		skip "$name" "left out: it runs other programs"
	elif [[ $NO_DESCRIPTORS == *" $name "* ]]; then
		skip "$name" "left out: it uses up its descriptors, of which valgrind keeps some"
	elif [ -n "${MEMCHECK_SHORT:-}" ] && [[ $SHORT != *" $name "* ]]; then
		skip "$name" "a short run"
	else
		check "$name" "$unit"
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
