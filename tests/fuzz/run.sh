#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# run.sh [short|long]: runs each fuzzer from its corpus, and closes with "N passed, N failed, N skipped". "short" is
# the same every time: a seed and a number of runs that are given. "long" goes on for FUZZ_SECONDS each, and
# keeps what it found new in O/fuzz/NAME.found and begins there the next time. An input that breaks something is left in O/fuzz, and how to repeat it
# is told.
set -u
O=${O:-build}
FUZZ_SECONDS=${FUZZ_SECONDS:-60}
here=$(dirname "$0")
mode=${1:-short}
passed=0 failed=0 skipped=0

# What a program does in a few seconds under the sanitizers.
runs_of() {
	case $1 in
	events) echo 10000 ;;
	history) echo 150 ;;
	history_schema) echo 60 ;;
	options_file | recording | report_read | snmp) echo 20000 ;;
	*) echo 100000 ;;
	esac
}

fuzz() {
	local name=${1##*/fuzz_} log new status begun took runs edges input
	log=$O/fuzz/$name.log
	new=$O/fuzz/$name.found # the first directory is where it writes
	[ "$mode" = long ] || { new=$O/fuzz/$name.short; rm -rf "$new"; }
	mkdir -p "$new"
	begun=$(date +%s%N)
	local options=(-timeout=20 -rss_limit_mb=2048 -close_fd_mask=3 -print_final_stats=1
		"-artifact_prefix=$O/fuzz/$name-")
	[ ! -e "$here/$name.dict" ] || options+=("-dict=$here/$name.dict")
	if [ "$mode" = long ]; then
		"$1" "${options[@]}" -max_total_time="$FUZZ_SECONDS" "$new" "$here/corpus/$name" > "$log" 2>&1
	else
		timeout 300 "$1" "${options[@]}" -seed=1 -runs="$(runs_of "$name")" "$new" "$here/corpus/$name" > "$log" 2>&1
	fi
	status=$?
	took=$((($(date +%s%N) - begun) / 1000000 + 1))
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	edges=$(grep -aoE 'cov: [0-9]+' "$log" | tail -1 | grep -oE '[0-9]+')
	printf '%-18s %9d executions in %6d ms, %7d a second, %5d edges\n' "$name" "${runs:-0}" "$took" \
		$((${runs:-0} * 1000 / took)) "${edges:-0}"
	if [ "$status" -eq 0 ]; then
		passed=$((passed + 1))
		return
	fi
	failed=$((failed + 1))
	grep -aE '^(==[0-9]+==|SUMMARY|.*runtime error|    #[0-9] )' "$log" | head -20
	input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
	echo "FAIL $name: ended with status $status, see $log"
	[ -z "$input" ] || echo "to repeat: CMOCKA_TEST_ABORT=1 $1 $input"
}

export CMOCKA_TEST_ABORT=1 # a failed assertion ends the process where it stands
export LASTACK_SEED=1
for source in "$here"/fuzz_*.c; do
	program=$O/fuzz/$(basename "$source" .c)
	if [ -x "$program" ]; then
		fuzz "$program"
	else
		echo "skip ${program##*/}: not built: clang has no runtime for fuzzers here (Debian: libclang-rt-VERSION-dev)"
		skipped=$((skipped + 1))
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
