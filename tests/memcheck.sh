#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# memcheck.sh UNIT...: unit tests, replays and a moment of `live` under valgrind; closes with "N passed, N failed,
# N skipped". An error, or a block that nothing points to at the end, is a failure. MEMCHECK_SHORT=1: only what takes
# seconds. What forks and kills, or measures time, is left to `make asan`.
set -u
cd "$(dirname "$0")/.." || exit 1
O=${O:-build}
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
LEFT_OUT=' test_hook_command test_http_prometheus '
NO_DESCRIPTORS=' test_control_clients test_http_hostile '
SHORT=' test_core_memory test_core_pure test_connection_table test_events test_options test_options_file test_recording test_replay test_report test_report_read test_store_writer test_text test_tracker test_tracker_end test_verdict '

# check NAME COMMAND...: errors are exit status 99, whatever else it ends with
check() {
	local name=$1 status
	shift
	LASTACK_LIVES=20000 timeout 900 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
		--suppressions=tests/memcheck.supp "$@" >/dev/null 2>"$log"
	status=$?
	if [ "$status" -eq 99 ] || [ "$status" -ge 124 ]; then
		failed=$((failed + 1))
		echo "FAIL $name: status $status: $*"
		grep -av 'unhandled eBPF command' "$log" | head -40
	elif [ "$status" -ne 0 ]; then
		failed=$((failed + 1))
		echo "FAIL $name: it fails under valgrind with status $status: $*"
		tail -5 "$log"
	else
		passed=$((passed + 1))
		echo "ok $name"
	fi
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
	else
		skip live "needs root"
	fi
	# The daemon filters its own system calls, and with them valgrind's: its parts are in the unit tests.
	skip daemon "its filter of system calls leaves valgrind no room"
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
