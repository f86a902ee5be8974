#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# typeless.sh IMAGE KERNEL TYPES: makes of a kernel's compressed image one that holds no types: KERNEL, its ELF file, as
# qemu boots it (PVH), with types that have nothing in them (the kernel takes no program if they are not in order), and
# TYPES, what it held, as the file for lastack's --btf. Fails with a line that says why.
set -euo pipefail
export LC_ALL=C
image=$1 kernel=$2 types=$3
fail() { echo "typeless.sh: $image: $*" >&2; exit 1; }

# u32 FILE OFFSET: a number as x86 writes it
u32() { od -An -tu4 -j "$2" -N 4 "$1" | tr -d ' '; }
# le32 NUMBER: the same, the other way round
le32() { printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24)))"; }
# part FILE OFFSET BYTES
part() { tail -c +$(($2 + 1)) "$1" | head -c "$3" || true; } # who has enough ends whoever goes on

# Documentation/arch/x86/boot.rst: the setup's sectors, and where behind them the compressed kernel is.
setup=$(od -An -tu1 -j 497 -N 1 "$image" | tr -d ' ')
offset=$(($(u32 "$image" 584) + (setup + 1) * 512)) bytes=$(u32 "$image" 588)
# Behind it stands how long it is unpacked, which the programs take for garbage, after all is written.
case $(part "$image" "$offset" 4 | od -An -tx1 | tr -d ' ') in
28b52ffd) unpack=(zstd -dcq) ;;
02214c18) unpack=(lz4 -dcq) ;;
fd377a58) unpack=(xz -dcq) ;;
*) fail "packed in a way that is not known here" ;;
esac
command -v "${unpack[0]}" > /dev/null || fail "no ${unpack[0]} here"
part "$image" "$offset" "$bytes" | "${unpack[@]}" > "$kernel" 2> /dev/null || true

section=$(readelf -SW "$kernel" 2> /dev/null | sed -n 's/.* \.BTF *PROGBITS *[0-9a-f]* \([0-9a-f]*\) \([0-9a-f]*\) .*/0x\1 0x\2/p')
[ -n "$section" ] || fail "no types in it"
read -r offset bytes <<< "$section"
part "$kernel" $((offset)) $((bytes)) > "$types"
# struct btf_header; one type, a pointer to nothing; names that are all empty.
{
	printf '\x9f\xeb\x01\x00'
	le32 24; le32 0; le32 12; le32 12; le32 $((bytes - 36))
	le32 0; le32 $((2 << 24)); le32 0
	head -c $((bytes - 36)) /dev/zero
} | dd of="$kernel" bs=65536 oflag=seek_bytes seek=$((offset)) conv=notrunc status=none
