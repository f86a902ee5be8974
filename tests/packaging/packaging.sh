#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# packaging.sh: what is installed and how: the unit and its exposure, man pages against the tables of options, the
# default configuration, completion, make install and uninstall, the Debian package. Runs in the root of the source
# tree, needs no root. Closes with "N passed, N failed, N skipped".
set -u
O=${O:-build}
# Of an outer make, which waits for jobs that it did not start.
unset MAKEFLAGS MFLAGS MAKELEVEL
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

EXPOSURE_MAX=20 # in tenths, of systemd-analyze security

fail() { echo "  $*"; return 1; }

# run NAME [TOOL...]: the function of that name, skipped where a tool is missing
run() {
	local name=$1 tool
	shift
	for tool; do
		if ! command -v "$tool" > /dev/null; then
			echo "skip $name: $tool is not installed"
			skipped=$((skipped + 1))
			return
		fi
	done
	if "$name"; then
		echo "ok $name"
		passed=$((passed + 1))
	else
		echo "FAIL $name"
		failed=$((failed + 1))
	fi
}

# ---- the unit

# The exposure of a unit file, in tenths.
exposure() { systemd-analyze security --offline=true --no-pager "$1" | sed -n 's/.*Overall exposure level.*: \([0-9]*\)\.\([0-9]\).*/\1\2/p'; }

unit_is_hardly_exposed() {
	local level bare
	level=$(exposure packaging/lastack.service)
	[ "${level:-99}" -le $EXPOSURE_MAX ] || { fail "exposure $level tenths, more than $EXPOSURE_MAX"; return; }
	# Without what protects it the same measure has to be far above.
	grep -vE '^(Protect|Private|Restrict|SystemCall|Capability|NoNew)' packaging/lastack.service > "$work/lastack.service"
	bare=$(exposure "$work/lastack.service")
	[ "${bare:-0}" -gt $EXPOSURE_MAX ] || fail "without protection exposure is $bare tenths: the measure says nothing"
}

# What systemd says of the unit and its drop-in. A line of its own may be added.
unit_verify() {
	local units=$work/units
	rm -rf "$units"
	mkdir -p "$units/lastack.service.d"
	sed "s|/usr/bin/lastack |$(realpath "$O/lastack") |" packaging/lastack.service > "$units/lastack.service"
	cp packaging/lastack-namespaces.conf "$units/lastack.service.d/"
	[ -z "${1:-}" ] || echo "$1" >> "$units/lastack.service"
	SYSTEMD_UNIT_PATH=$units: systemd-analyze verify --man=no --recursive-errors=no "$units/lastack.service" 2>&1
}

unit_is_understood() {
	local said
	said=$(unit_verify) && [ -z "$said" ] || { fail "$said"; return; }
	[ -n "$(unit_verify NoSuchSetting=yes)" ] || fail "systemd-analyze verify finds nothing wrong with nonsense"
}

# What would take from it what it works with; see the comments in the unit.
unit_leaves_bpf_alone() {
	! grep -nE '^(PrivateUsers|PrivateNetwork|ProcSubset|RootDirectory|DynamicUser)=' packaging/lastack.service
}

sysusers_are_understood() {
	mkdir -p "$work/root/etc"
	systemd-sysusers --root="$work/root" "$PWD/packaging/lastack.sysusers" > /dev/null 2>&1
	grep -q '^lastack:' "$work/root/etc/passwd" && grep -q '^lastack:' "$work/root/etc/group"
}

# ---- what is made from the tables

configuration_is_current() {
	"$O/manual" settings > "$work/settings" && diff packaging/lastack.conf "$work/settings" || fail "make docs makes packaging/lastack.conf anew"
}

configuration_is_accepted() {
	# With every default taken out of its comment; capitals stand where there is none.
	sed -E 's/^#([a-z-]+ = [^A-Z]+)$/\1/' packaging/lastack.conf > "$work/all.conf"
	[ "$(grep -c '^[a-z]' "$work/all.conf")" -gt 15 ] || { fail "hardly a default was found"; return; }
	"$O/lastack" daemon --check-config -c "$work/all.conf" > /dev/null || return 1
	"$O/lastack" daemon --check-config -c packaging/lastack.conf > /dev/null || return 1
	echo 'no-such-setting = 1' >> "$work/all.conf"
	! "$O/lastack" daemon --check-config -c "$work/all.conf" > /dev/null 2>&1
}

pages_are_clean() {
	local page said
	for page in lastack.1 lastack.conf.5 lastack-daemon.8; do
		said=$(LC_ALL=C.UTF-8 MANWIDTH=80 MANROFFSEQ='' man --warnings -l "$O/man/$page" 2>&1 > "$work/$page.txt")
		[ -z "$said" ] || { fail "$page: $said"; return; }
		for section in NAME DESCRIPTION FILES 'SEE ALSO'; do
			grep -qx "$section" "$work/$page.txt" || { fail "$page: no section $section"; return; }
		done
	done
	! grep -n '@' "$O"/man/*.[158] | grep '@[a-z-]*@'
}

verbs() { "$O/lastack" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'; }
options_of() { "$O/lastack" "$1" --help | grep -oE '^ +(-., )?--[a-z0-9-]+' | grep -oE '[a-z0-9][a-z0-9-]+$'; }

# page_text PAGE: without hyphenation
page_text() { LC_ALL=C.UTF-8 MANWIDTH=500 man --nh --nj -l "$O/man/$1"; }

pages_have_every_option() {
	local verb option section alike missing=0 count=0
	page_text lastack.1 > "$work/lastack.1.wide"
	page_text lastack.conf.5 > "$work/lastack.conf.5.wide"
	page_text lastack-daemon.8 > "$work/lastack-daemon.8.wide"
	for verb in $(verbs); do
		section=$(sed -n "/^   lastack $verb /,/^   lastack /p" "$work/lastack.1.wide")
		[ -n "$section" ] || { fail "lastack(1) has no section of $verb"; missing=1; }
		# The same options as another verb's: that one's section.
		alike=$(grep -oE 'options are those of lastack [a-z]+' <<< "$section" | head -1 | awk '{ print $NF }')
		[ -z "$alike" ] || section=$(sed -n "/^   lastack $alike /,/^   lastack /p" "$work/lastack.1.wide")
		for option in $(options_of "$verb"); do
			count=$((count + 1))
			if [ "$verb" = daemon ]; then
				grep -qE "^       $option = " "$work/lastack.conf.5.wide" ||
					grep -qE -- "--$option( |$)" "$work/lastack-daemon.8.wide"
			else
				grep -qE -- "^       (-., )?--$option( |$)" <<< "$section"
			fi || { fail "$verb: --$option is in no man page"; missing=1; }
		done
	done
	[ $count -gt 50 ] || { fail "only $count options were found"; missing=1; }
	return $missing
}

# Every command of an example, with --help behind it: then it is parsed and nothing else.
examples_are_understood() {
	local count=0 wrong=0 command
	while read -r command; do
		count=$((count + 1))
		# shellcheck disable=SC2086 # words of a shell, none of them quoted
		"$O/lastack" $command --help > /dev/null || { fail "lastack $command"; wrong=1; }
	done < <(sed -n 's/^[#$] lastack //p' packaging/*.scd.in)
	[ $count -gt 10 ] && [ $wrong -eq 0 ] && ! "$O/lastack" live --no-such-option --help > /dev/null 2>&1
}

# complete WORD...: what the completion offers for the last word
complete_words() {
	bash --norc -c '
		source "$1"; shift
		COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
		_lastack
		printf "%s\n" "${COMPREPLY[@]}"' bash "$O/lastack.bash" "$@"
}

# offers EXPECTED WORD...: exactly these, in any order
offers() {
	local expected=$1 got
	shift
	got=$(complete_words "$@" | sort | tr '\n' ' ')
	[ "$got" = "$(tr ' ' '\n' <<< "$expected" | sort | tr '\n' ' ')" ] || fail "lastack ${*:2}: offers '$got', not '$expected'"
}

completion_works() {
	local files=$work/files
	mkdir "$files"
	touch "$files/one.rec" "$files/two.rec"
	bash -n "$O/lastack.bash" &&
		offers 'record replay' lastack re &&
		offers "$(verbs | tr '\n' ' ')--help --version" lastack '' &&
		offers '--class' lastack live --cl &&
		offers "$(options_of audit | sed 's/^/--/' | tr '\n' ' ' | sed 's/ $//')" lastack audit -- &&
		offers 'json' lastack live -o j &&
		offers 'json' lastack live --output = j &&
		offers 'table json csv' lastack live --output = &&
		offers 'reset,graceful' lastack live --class reset,gr &&
		offers 'reset retransmit_timeout' lastack live -4 --class re &&
		offers "$files/one.rec $files/two.rec" lastack replay "$files/" &&
		offers "$files/one.rec" lastack live --record "$files/o" &&
		offers '' lastack live -d '' &&
		offers '' lastack nosuchverb --
}

# ---- alerts

alerts_fire_when_they_should() {
	promtool check rules packaging/lastack.rules.yml > "$work/promtool.log" 2>&1 &&
		promtool test rules packaging/lastack.rules.test.yml >> "$work/promtool.log" 2>&1 || { cat "$work/promtool.log"; return 1; }
	# Each threshold is tested: with another one the test fails.
	mkdir -p "$work/rules"
	cp packaging/lastack.rules.test.yml "$work/rules"
	local change
	for change in 's/>= 100/>= 99/' 's/> 20 and/> -1 and/' 's/,certainty="likely"//' 's/|half_open_probing/|half_open_silent/' 's/== 0/== 1/' 's/\[10m\]/[2h]/'; do
		sed "$change" packaging/lastack.rules.yml > "$work/rules/lastack.rules.yml"
		! promtool test rules "$work/rules/lastack.rules.test.yml" > /dev/null 2>&1 || { fail "$change goes unnoticed"; return 1; }
	done
}

# Every metric that an alert asks for is one that the daemon has.
alerts_ask_for_metrics_that_exist() {
	local name wrong=0 count=0
	for name in $(grep -oE 'lastack_[a-z_]+' <<< "$(grep 'expr:' packaging/lastack.rules.yml)" | sort -u); do
		count=$((count + 1))
		name=${name#lastack_}
		grep -qE "\"(${name}|${name%_total}|${name%_seconds})\"" src/serve/metrics_table.c || { fail "lastack_$name"; wrong=1; }
	done
	[ $count -gt 5 ] && [ $wrong -eq 0 ]
}

# ---- make install

EXPECTED='644 etc/lastack/lastack.conf
644 opt/lib/systemd/system/lastack.service
644 opt/lib/sysusers.d/lastack.conf
644 opt/share/bash-completion/completions/lastack
644 opt/share/doc/lastack/README.md
644 opt/share/doc/lastack/examples/lastack-namespaces.conf
644 opt/share/doc/lastack/machine.md
644 opt/share/doc/lastack/machine.svg
644 opt/share/lastack/lastack.rules.yml
644 opt/share/man/man1/lastack.1
644 opt/share/man/man5/lastack.conf.5
644 opt/share/man/man8/lastack-daemon.8
755 opt/bin/lastack'

make_in() { make -s O="$O" DESTDIR="$work/tree" PREFIX=/opt "$@" > "$work/make.log" 2>&1 || { cat "$work/make.log"; return 1; }; }

install_puts_all_in_place() {
	make_in install || return 1
	diff <(echo "$EXPECTED") <(find "$work/tree" -type f -printf '%m %P\n' | sort) || return 1
	grep -q '^ExecStart=/opt/bin/lastack daemon ' "$work/tree/opt/lib/systemd/system/lastack.service" &&
		grep -qx 'ExecStartPre=-+/opt/bin/lastack probe --recover' "$work/tree/opt/lib/systemd/system/lastack.service"
}

install_leaves_a_changed_configuration() {
	echo 'history-max-age = 7d' >> "$work/tree/etc/lastack/lastack.conf"
	make_in install && grep -q '^history-max-age = 7d' "$work/tree/etc/lastack/lastack.conf" || return 1
	make_in uninstall && [ "$(cd "$work/tree" && find . -type f)" = ./etc/lastack/lastack.conf ]
}

uninstall_leaves_nothing() {
	rm -rf "$work/tree"
	make_in install && make_in uninstall && [ -z "$(find "$work/tree" -type f -o -name '*lastack*')" ]
}

# ---- the Debian package

package=

deb_is_built() {
	local version
	version=$(make -s O="$O" version)
	make -s O="$O" deb > "$work/deb.log" 2>&1 || { tail -30 "$work/deb.log"; return 1; }
	package=$(ls "$O"/deb/lastack_*.deb)
	case $(dpkg-deb -f "$package" Version) in
	"$version"-*) ;;
	*) fail "version $(dpkg-deb -f "$package" Version) is not of $version: packaging/debian/changelog"; return ;;
	esac
	dpkg-deb -f "$package" Depends | grep -q libbpf1 || { fail "no dependency on libbpf"; return; }
	dpkg-deb -c "$package" > "$work/deb.list"
	for file in ./usr/bin/lastack ./lib/systemd/system/lastack.service ./usr/lib/sysusers.d/lastack.conf \
		./etc/lastack/lastack.conf ./usr/share/man/man1/lastack.1.gz ./usr/share/doc/lastack/copyright \
		./usr/share/doc/lastack/changelog.Debian.gz ./usr/share/bash-completion/completions/lastack; do
		grep -q " $file\$" "$work/deb.list" || { fail "$file is not in it"; return; }
	done
	dpkg-deb -e "$package" "$work/control"
	[ "$(cat "$work/control/conffiles")" = /etc/lastack/lastack.conf ] &&
		grep -q 'systemd-sysusers' "$work/control/postinst" &&
		grep -q "deb-systemd-helper enable 'lastack.service'" "$work/control/postinst"
}

deb_pleases_lintian() {
	[ -n "$package" ] || { fail "there is no package"; return; }
	lintian --fail-on error,warning "$package" 2>&1 | grep -v 'root privileges' || true
	lintian --fail-on error,warning "$package" > /dev/null 2>&1
}

make -s O="$O" all manual || exit 1
run unit_is_hardly_exposed systemd-analyze
run unit_is_understood systemd-analyze
run unit_leaves_bpf_alone
run sysusers_are_understood systemd-sysusers
run configuration_is_current
run configuration_is_accepted
run pages_are_clean man
run pages_have_every_option man
run examples_are_understood
run completion_works
run alerts_fire_when_they_should promtool
run alerts_ask_for_metrics_that_exist
run install_puts_all_in_place
run install_leaves_a_changed_configuration
run uninstall_leaves_nothing
run deb_is_built dh dpkg-buildpackage
run deb_pleases_lintian lintian dpkg-buildpackage
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
