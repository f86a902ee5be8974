# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# virtual.sh, sourced by matrix.sh and systemd.sh: a virtual machine under software emulation (no KVM needed), and the
# count of what is told of it.
passed=0 failed=0 skipped=0

# told VERDICT WORDS...: prints a line and counts it
told() {
	case $1 in
	ok) passed=$((passed + 1)) ;;
	FAIL) failed=$((failed + 1)) ;;
	skip) skipped=$((skipped + 1)) ;;
	esac
	echo "$*"
}

# The closing line; fails if anything did.
told_all() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}

# boot IMAGE INITRAMFS MIB SECONDS LOG WORD...: until the guest switches itself off, with these words for its kernel.
# Succeeds if it said "== booted" and its kernel did not panic. The emulator was seen to break kernels: cmpxchg16b, so it
# is hidden, and code that is patched while another CPU runs it (tracepoints that attach), so one thread plays both CPUs.
boot() {
	local image=$1 initramfs=$2 mib=$3 seconds=$4 log=$5
	shift 5
	timeout "$seconds" qemu-system-x86_64 -accel tcg,thread=single -cpu max,-cx16 -smp 2 -m "$mib" -display none \
		-no-reboot -nodefaults -serial "file:$log.raw" -net none -kernel "$image" -initrd "$initramfs" \
		-append "console=ttyS0 panic=-1 quiet loglevel=3 mitigations=off $*" < /dev/null || true
	tr -d '\r' < "$log.raw" > "$log"
	rm "$log.raw"
	grep -aq '^== booted' "$log" && ! grep -aq 'Kernel panic' "$log"
}
