#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# userland.sh DIRECTORY SUITE ARCHIVE PACKAGE... > TAR: a small Debian root file system for a virtual machine: the
# packages, what they need, and what the Debian package ARCHIVE says that it needs, but not itself: that is put into
# /root, for the guest to install. They are unpacked and entered into dpkg's database as installed, so that dpkg checks
# dependencies and runs maintainer scripts there; their own scripts are not run.
set -euo pipefail
export LC_ALL=C
directory=$1 suite=$2 archive=$(realpath "$3")
shift 3
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/mirror.sh"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root" # of the guest's own root directory as well

fail() { echo "userland.sh: $suite: $*" >&2; exit 1; }

mirror_open "$directory" "$suite" || exit 1
mirror_update > "$archives/complaint" 2>&1 || true # what was fetched earlier may do
# apt knows of nothing that is installed here, so it names all that there is to it, essential packages too.
install=(apt-get "${options[@]}" -y --no-install-recommends)
timeout 300 "${install[@]}" --download-only install "$archive" "$@" > "$archives/complaint" 2>&1 ||
	fail "$(grep '^E:' "$archives/complaint" | head -1)"
"${install[@]}" --simulate install "$archive" "$@" |
	sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*\[\([a-z0-9]*\)\]).*/\1_\2_\3.deb/p' | sed 's/:/%3a/' |
	grep -v "^$(dpkg-deb -f "$archive" Package)_" > "$archives/wanted"

mkdir -p "$root"/{usr/bin,usr/sbin,usr/lib,usr/lib64,var/lib/dpkg/info,var/lib/dpkg/updates,var/lib/dpkg/triggers}
for link in bin sbin lib lib64; do
	ln -s "usr/$link" "$root/$link"
done
while read -r package; do
	package=$archives/$package
	dpkg-deb --fsys-tarfile "$package" | tar -C "$root" -x --keep-directory-symlink --exclude='./usr/share/doc/*' \
		--exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/info/*' \
		--exclude='./usr/lib/*/gconv/*' --exclude='./usr/lib/*/perl-base/unicore/*'
	dpkg-deb -f "$package" | sed '1a Status: install ok installed' >> "$root/var/lib/dpkg/status"
	echo >> "$root/var/lib/dpkg/status"
	name=$(dpkg-deb -f "$package" Package)
	[ "$(dpkg-deb -f "$package" Multi-Arch)" != same ] || name+=:$(dpkg-deb -f "$package" Architecture)
	: > "$root/var/lib/dpkg/info/$name.list"
done < "$archives/wanted"
cp "$archive" "$root/root/"
tar -C "$root" -c .
