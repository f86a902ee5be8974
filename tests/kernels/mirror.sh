# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# mirror.sh, sourced by fetch.sh and userland.sh: apt's lists and archives of one Debian suite, in directories of their
# own. Asks the mirror that this machine's apt already uses and nobody else; this machine's own packages and lists are
# neither touched nor asked.

# mirror_open DIRECTORY SUITE: sets `options` for apt-get and apt-cache, and `archives`, where apt-get puts what it
# fetches. Fails with a line on standard error where apt knows no mirror.
mirror_open() {
	local mirror state
	mkdir -p "$1/apt-$2"/{lists/partial,cache/archives/partial,parts}
	state=$(realpath "$1/apt-$2")
	# shellcheck disable=SC2034 # both are for whoever sources this
	archives=$state/cache/archives
	# shellcheck disable=SC2034
	options=(-o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts="$state/parts"
		-o Dir::State::lists="$state/lists" -o Dir::Cache="$state/cache" -o Dir::State::status=/dev/null
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=2 -o APT::Get::List-Cleanup=0 -qq)
	# shellcheck disable=SC2016 # apt's own variables
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(SUITE)' |
		awk '$2 == "main" && $3 !~ /security|updates|backports/ && !seen++ {print $1}')
	[ -n "$mirror" ] || { echo "apt knows no mirror: is this Debian, and has apt-get update been run?" >&2; return 1; }
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $2 main" > "$state/sources.list"
}

# Brings the lists up to date; what apt complains of goes to standard error.
mirror_update() { timeout 120 apt-get "${options[@]}" update; }
