#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# fetch.sh DIRECTORY SUITE: the newest kernel for virtual machines of a Debian suite (bookworm, sid, ...), unpacked in
# DIRECTORY/SUITE. Prints its release and the path of its image. Asks the mirror that this machine's apt already uses
# and nobody else; touches nothing of this machine's own packages: apt works on lists and a cache in DIRECTORY. What is
# there already is not fetched again, and is used as it is where the mirror does not answer.
set -euo pipefail
export LC_ALL=C
suite=$2
mkdir -p "$1/$suite" "$1/apt-$suite"/{lists/partial,cache/archives/partial,parts}
home=$(realpath "$1/$suite") state=$(realpath "$1/apt-$suite")

fail() { echo "fetch.sh: $suite: $*" >&2; exit 1; }

found() {
	local image
	image=$(find "$home" -name 'vmlinuz*' -type f | head -1)
	[ -n "$image" ] && echo "$(cat "$home/release") $image"
}

options=(-o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts="$state/parts"
	-o Dir::State::lists="$state/lists" -o Dir::Cache="$state/cache" -o Dir::State::status=/dev/null
	-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=2 -o APT::Get::List-Cleanup=0 -qq)

# shellcheck disable=SC2016 # apt's own variables
mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(SUITE)' |
	awk '$2 == "main" && $3 !~ /security|updates|backports/ && !seen++ {print $1}')
[ -n "$mirror" ] || fail "apt knows no mirror: is this Debian, and has apt-get update been run?"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$state/sources.list"
if ! timeout 120 apt-get "${options[@]}" update 2> "$state/complaint"; then
	found || fail "$(tail -1 "$state/complaint")"
	exit 0
fi

package=$(apt-cache "${options[@]}" show linux-image-cloud-amd64 |
	sed -n 's/^Depends: .*\(linux-image-[0-9][^ ,]*\).*/\1/p' | head -1)
[ -n "$package" ] || fail "no linux-image-cloud-amd64"
release=${package#linux-image-}
if [ "$(cat "$home/release" 2> /dev/null)" != "$release" ]; then
	rm -rf "$home" && mkdir "$home"
	packages=("$package")
	for part in linux-binary linux-modules; do # later suites have the image and the modules apart
		apt-cache "${options[@]}" show "$part-$release" > /dev/null 2>&1 && packages+=("$part-$release")
	done
	(cd "$home" && timeout 300 apt-get "${options[@]}" download "${packages[@]}" && for archive in ./*.deb; do
		dpkg -x "$archive" . && rm "$archive"
	done) >&2 || fail "the download failed"
	echo "$release" > "$home/release"
fi
found || fail "$package holds no image"
