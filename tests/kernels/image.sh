#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# image.sh KERNEL_DIRECTORY PROGRAM|FILE:PATH... > FILE: the initial file system of a guest of matrix.sh, gzipped: busybox,
# guest.sh as its first process, files at their paths, programs with the libraries that they are linked with here (one build for all kernels), and
# those modules of the kernel that the live scenarios need, in the order in which they must be loaded.
set -euo pipefail
kernel=$1
shift
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root" # of the guest's own root directory as well
mkdir -p "$root"/{bin,usr/bin,proc,sys,dev,run,tmp,modules}
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$(dirname "$0")/guest.sh" "$root/init"

for name; do
	case $name in
	*:/*)
		cp "${name%%:*}" "$root${name#*:}"
		continue
		;;
	esac
	program=$(command -v "$name")
	cp -L "$program" "$root/usr/bin/"
	ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
		mkdir -p "$root$(dirname "$library")"
		cp -Ln "$library" "$root$library"
	done
done

# modprobe tells a module's dependencies first; what it does not find is built in, or this kernel has it no more.
tree=$(dirname "$(find "$kernel" -path '*/lib/modules/*/kernel' | head -1)")
base=${tree%/lib/modules/*}
depmod -b "$base" "${tree##*/}" 2> /dev/null
for name in veth nf_tables nft_counter nft_reject_inet nft_ct tcp_diag sch_netem; do
	modprobe -d "$base" -S "${tree##*/}" --show-depends "$name" 2> /dev/null || true
done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r module; do
	name=$(basename "$module")
	case $name in
	*.xz) xz -dc "$module" ;;
	*.zst) zstd -dcq "$module" ;;
	*) cat "$module" ;;
	esac > "$root/modules/${name%.ko*}.ko"
	echo "${name%.ko*}" >> "$root/modules/order"
done
(cd "$root" && find . | busybox cpio -o -H newc 2> /dev/null) | gzip -1
