#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# fetch.sh DIRECTORY SUITE: the newest kernel for virtual machines of a Debian suite (bookworm, sid, ...), unpacked in
# DIRECTORY/SUITE. Prints its release and the path of its image. What is there already is not fetched again, and is used
# as it is where the mirror does not answer.
set -euo pipefail
export LC_ALL=C
suite=$2
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/mirror.sh"
mkdir -p "$1/$suite"
home=$(realpath "$1/$suite")

fail() { echo "fetch.sh: $suite: $*" >&2; exit 1; }

found() {
	local image
	image=$(find "$home" -name 'vmlinuz*' -type f | head -1)
	[ -n "$image" ] && echo "$(cat "$home/release") $image"
}

mirror_open "$1" "$suite" 2> "$home.complaint" || fail "$(tail -1 "$home.complaint")"
if ! mirror_update 2> "$home.complaint"; then
	found || fail "$(tail -1 "$home.complaint")"
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
