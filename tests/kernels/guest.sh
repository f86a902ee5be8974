#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
# guest.sh: the first process of a guest of matrix.sh. Mounts what lastack reads, loads the modules, runs the parts
# that the kernel's command line names ("parts=tiers,system,live") and switches the machine off. All it has to say
# goes to the console: "== part NAME" and, when a part is over, "== end NAME STATUS".
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin LASTACK=/usr/bin/lastack
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mount -t tracefs trace /sys/kernel/tracing
mount -t cgroup2 cgroup /sys/fs/cgroup
chmod 1777 /tmp
hostname guest
ip link set lo up
while read -r module; do
	insmod "/modules/$module.ko" || echo "note: module $module does not load"
done < /modules/order
# shellcheck disable=SC3045 # busybox knows it
ulimit -l unlimited -n 65536

# part NAME SECONDS COMMAND...
part() {
	case ,$parts, in *,$1,*) ;; *) return ;; esac
	name=$1 seconds=$2
	shift 2
	echo "== part $name"
	timeout "$seconds" "$@"
	echo "== end $name $?"
}

# word NAME: what the kernel's command line says of it, NAME=...
word() { sed -n "s/.* $1=\([^ ]*\).*/\1/p" /proc/cmdline; }

# Comes last: there is no way back.
locked_down() {
	mount -t securityfs security /sys/kernel/security
	if ! echo confidentiality > /sys/kernel/security/lockdown; then
		echo "skip lockdown: this kernel has none"
		return
	fi
	said=$("$LASTACK" live -d 1 2>&1)
	case $?:$said in
	3:*"locked down"*) echo "ok lockdown" ;;
	*) echo "FAIL lockdown: $said" ;;
	esac
}

# What of live and system is played, and how many at a time, can be chosen for a guest that is booted by hand.
parts=$(word parts) only=$(word only) jobs=$(word jobs) system=$(word system)
echo # the firmware has cleared the screen
echo "== booted $(uname -r)"
part tiers 500 tiers "$LASTACK"
part typeless 300 tiers "$LASTACK" /types # of a kernel that holds none
tests=privileges,loss_identity,preempted_programs,probe_alive,probe_killed,probe_orphan,probe_many,diagnose_once,diagnose_stacks_once,diagnose_orphans
case ",$parts,,$(uname -r)" in
*,system,*,5.[0-9].* | *,system,*,5.1[0-4].*)
	tests=privileges,loss_identity
	echo "skip probes: lastack probe needs Linux 5.15"
	echo "skip diagnose_once: keys are addresses here, which need 64 bits: more than the test's JSON library takes"
	;;
esac
part system 600 system --global -j 1 --only "${system:-$tests}"
part live 800 live --global -j "${jobs:-16}" ${only:+--only "$only"}
case ,$parts, in *,system,*) locked_down ;; esac
poweroff -f
