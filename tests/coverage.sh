#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# coverage.sh PROGRAM...: runs unit tests whose core was built with gcc --coverage, and tells, for each file of
# src/core, lines and branches that were taken at least once. Ends with what was not taken, file:line, and fails below
# 95 % of branches. What cannot be reached stands, with the reason, in tests/coverage-unreachable.txt: it is listed and
# counted apart, and an entry that has become reachable, or matches nothing, fails too.
set -u
O=${O:-build}
LIMIT=${LIMIT:-95}
unreachable=tests/coverage-unreachable.txt

find "$O/coverage" -name '*.gcda' -delete
for program; do
	echo "== $program"
	LASTACK_SEED=1 timeout 600 "$program" > "$O/coverage/log" 2>&1 || { cat "$O/coverage/log"; echo "FAIL $program"; exit 1; }
done

for file in src/core/*.c; do
	data=$O/coverage/${file%.c}.gcda
	[ -e "$data" ] || { echo "FAIL coverage: no test runs $file"; exit 1; }
	echo "@@ $file"
	gcov --branch-counts --branch-probabilities --stdout "$data" 2>/dev/null
done | awk -v limit="$LIMIT" -v list="$unreachable" '
	function trimmed(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }
	function told(name, lines, all_lines, branches, all, out) {
		printf "%-34s %5d of %5d %5.1f %%   %5d of %5d %5.1f %%   %4d\n", name, lines, all_lines,
			all_lines ? 100 * lines / all_lines : 100, branches, all, all ? 100 * branches / all : 100, out
	}
	BEGIN {
		while ((getline entry < list) > 0) {
			if (entry ~ /^#/ || entry == "") continue
			split(entry, part, " ## ")
			known[trimmed(part[1])] = 0
		}
		printf "%-34s %22s   %22s   %s\n", "file", "lines", "branches", "unreachable"
	}
	/^@@ / { if (file) finish(); file = $2; wanted = 0; next }
	/^ *-: *0:Source:/ { sub(/^.*Source:/, ""); wanted = $0 == file; next } # headers come in between
	!wanted { next }
	/^ *[0-9#=-]+\*?: *[0-9]+:/ {
		split($0, part, ":")
		count = trimmed(part[1]); line = part[2] + 0
		text = $0; sub(/^[^:]*:[^:]*:/, "", text); text = trimmed(text)
		if (count != "-") { all_lines[file]++; if (count !~ /[#=]/) lines[file]++; else not_run[file ":" line] = text }
		next
	}
	/^branch / {
		taken = $0 ~ /taken [1-9]/
		key = file ": " text
		if (!taken && key in known) { known[key]++; out[file]++; next }
		all[file]++
		if (taken) branches[file]++
		else { if (!((file ":" line) in left)) order[++n] = file ":" line; left[file ":" line]++; source[file ":" line] = text }
	}
	function finish() {
		told(file, lines[file], all_lines[file], branches[file], all[file], out[file])
		L += lines[file]; AL += all_lines[file]; B += branches[file]; A += all[file]; U += out[file]
	}
	END {
		finish()
		told("src/core", L, AL, B, A, U)
		print "\nbranches not taken:"
		for (i = 1; i <= n; i++) printf "%s: %d: %s\n", order[i], left[order[i]], source[order[i]]
		bad = 0
		for (key in known) if (!known[key]) { print "FAIL " list ": nothing unreached there: " key; bad = 1 }
		share = A ? 100 * B / A : 0
		printf "\nbranches of src/core: %.1f %% (at least %d %%), %d held unreachable in %s\n", share, limit, U, list
		if (!A || share < limit) { print "FAIL coverage"; bad = 1 }
		exit bad
	}'
