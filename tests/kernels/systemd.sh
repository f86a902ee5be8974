#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# systemd.sh [SUITE]: the service as a host gets it: a Debian kernel of the suite (bookworm) and the systemd of this
# machine's own release are booted in a virtual machine, the Debian package that "make deb" made is installed there by
# dpkg, and service.sh, in the guest, asks whether the hardened unit does its work. Prints a line a test and closes with
# "N passed, N failed, N skipped".
#
# In: O, the build directory, where the package is (O/deb), and kernels and logs are kept (O/kernels).
set -euo pipefail
O=${O:-build} suite=${1:-${SUITE:-bookworm}}
GUEST_SECONDS=240 # twice what it takes
here=$(dirname "$0") kernels=$O/kernels
log=$kernels/systemd-$suite.log initramfs=$kernels/systemd-$suite.initramfs
# shellcheck source-path=SCRIPTDIR
. "$here/virtual.sh"
mkdir -p "$kernels"
work=$(mktemp -d)
trap 'rm -rf "$work" "$initramfs"' EXIT

skip_all() {
	told skip "systemd: $*"
	told_all
	exit 0
}

for program in qemu-system-x86_64 busybox apt-get dpkg-deb; do
	command -v "$program" > /dev/null || skip_all "$program is not installed"
done
package=$(find "$O/deb" -maxdepth 1 -name 'lastack_*.deb' 2> /dev/null | head -1)
[ -n "$package" ] || skip_all "there is no package: make deb"
found=$("$here/fetch.sh" "$kernels" "$suite" 2>&1) || skip_all "${found##*$'\n'}"
read -r release image <<< "$found"
# A package runs on the release that it was built on, whatever the kernel.
home=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")

mkdir -p "$work"/{bin,root}
cp "$(command -v busybox)" "$work/bin/busybox"
cp "$here/service_init.sh" "$work/init"
cp "$here/service.sh" "$work/"
"$here/userland.sh" "$kernels" "$home" "$package" systemd init-system-helpers usr-is-merged dpkg perl-base bash dash \
	libc-bin coreutils util-linux grep sed diffutils base-passwd base-files busybox-static \
	> "$work/root.tar" 2> "$kernels/complaint" ||
	skip_all "$(tail -1 "$kernels/complaint")"
(cd "$work" && find . | busybox cpio -o -H newc 2> /dev/null) > "$initramfs"
rm "$work/root.tar"

echo "== systemd of $home on $release"
tests_told() {
	local verdict words
	while read -r verdict words; do
		told "$verdict" "$words"
	done < <(grep -aE '^(ok|FAIL|skip) ' "$log")
}
if boot "$image" "$initramfs" 2048 "$GUEST_SECONDS" "$log" systemd.unit=service-test.target systemd.show_status=0; then
	tests_told
	grep -aq '^== end' "$log" || told FAIL "the guest ended before the tests did: see $log"
else
	told FAIL "the guest does not boot or breaks down: see $log"
fi
echo "took $SECONDS s"
told_all
