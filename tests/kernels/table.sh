#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# table.sh LOG...: what guests of matrix.sh have said, one log a kernel, as tables in Markdown: tiers, live scenarios,
# what each kernel cannot show, verifier instructions.
set -euo pipefail

release() { sed -n 's/^== booted \(.*\)$/\1/p' "$1" | sed 's/-cloud.*//; 1q'; }

# The heading of a table with a column a kernel: first word, then the logs.
heading() {
	local log first=$1 line="| $1 |" rule="| --- |"
	shift
	for log; do
		line+=" $(release "$log") |" rule+=" --- |"
	done
	printf '%s\n%s\n' "$line" "$rule"
}

# by_kernel FIRST PROGRAM LOG...: PROGRAM (awk) prints "row<TAB>cell" of one log; rows in order of appearance.
by_kernel() {
	local first=$1 program=$2 log column=0
	shift 2
	heading "$first" "$@"
	for log; do
		column=$((column + 1))
		awk "$program" "$log" | sed "s/^/$column\t/"
	done | awk -F '\t' -v columns=$# '
		!($2 in known) {known[$2] = 1; rows[++count] = $2}
		{cell[$2, $1] = $3}
		END {
			for (i = 1; i <= count; i++) {
				line = "| " rows[i] " |"
				for (column = 1; column <= columns; column++)
					line = line " " cell[rows[i], column] " |"
				print line
			}
		}'
}

cpu=$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)
echo "# lastack on Debian's kernels"
echo
echo "Made by \`make test-kernels\` on $(date -u +%F): $(nproc) CPUs ($cpu), $(qemu-system-x86_64 --version | sed -n '1s/^QEMU emulator version \([^ ]*\).*/QEMU \1/p') without KVM."
echo
echo "The same connections told on every tier, each forced by \`--tier\` (times are those of an emulated machine):"
echo
echo "| kernel | tier | ends told right | transitions | violations | gaps | generated | delivered | lost | filtered | load ms |"
echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
# figures LOG WORDS: of one guest's tiers, a row each; the words stand behind the kernel's name
figures() {
	[ ! -e "$1" ] || awk -v kernel="$(release "$1")$2" '$1 == "figures" {
		printf "| %s | %s | %s of %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", kernel, $2, $4, $3, $5, $6, $7, $8, $9,
			$10, $11, $12
	}' "$1"
}
for log; do
	figures "$log" ""
	figures "${log%.log}-typeless.log" " without types"
done
echo
echo "Live scenarios, each over IPv4 and IPv6, on the best tier of each kernel:"
echo
by_kernel "" '
	/^== part / {part = $3}
	part != "live" {next}
	/^events: generated/ {printf "events generated\t%s\nevents delivered\t%s\nevents lost\t%s\nevents filtered\t%s\n", $3, $5, $7, $9}
	/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ {printf "passed\t%s\nfailed\t%s\nskipped\t%s\n", $1, $3, $5}' "$@"
echo
echo "What a kernel does not show, and what follows; scenarios then expect just that:"
echo
by_kernel "without" '/^without / {
	sub(/^without /, ""); gsub(/\|/, "/")
	printf "%s\tx\n", $0
}' "$@"
echo
by_kernel "scenario" '
	$1 ~ /^(ok|FAIL|skip)$/ && $2 ~ /^[SN][0-9]/ && $3 ~ /^ipv/ {
		name = $2 " " $4; sub(/:$/, "", name)
		if (!(name in known)) {known[name] = 1; rows[++count] = name}
		said[name] = said[name] (said[name] && said[name] != $1 ? ", " $1 : said[name] ? "" : $1)
	}
	END {for (i = 1; i <= count; i++) print rows[i] "\t" said[rows[i]]}' "$@" | { sed -u 2q; LC_ALL=C sort; }
echo
echo "Instructions that the verifier went through, of each program alone (none told before 5.16; \`-\`: not for this kernel):"
echo
by_kernel "program" '
	$3 == "loaded," && !seen[$1]++ {print $1 "\t" ($4 ? $4 : "?"); sum += $4}
	$3 == "skipped:" && !seen[$1]++ {print $1 "\t-"}
	END {print "sum\t" (sum ? sum : "?")}' "$@"
