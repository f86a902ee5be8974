#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# service.sh: run by systemd in the guest of systemd.sh: installs the package in /root and asks the service that comes
# with it, under its own unit, whether all works that the unit is there for. Prints a line a test, and "== end" when it is
# through; switches the machine off.
# shellcheck disable=SC2015,SC2016 # what fails after && is told as well; eval expands
set -uo pipefail
export PATH=/usr/sbin:/usr/bin LC_ALL=C HOME=/root SYSTEMD_COLORS=0 SYSTEMD_PAGER=
PORT=7001 CLOSED=7009 # a server's, and nobody's
DROP_INS=/etc/systemd/system/lastack.service.d
CONFIG=/etc/lastack/lastack.conf
CAPABILITIES_BPF=000000c000000000 # CAP_BPF and CAP_PERFMON

fail() { echo "$*"; return 1; }

# run NAME: the function of that name, whose words say why it fails or is skipped (status 2)
run() {
	local why status=0
	why=$("$1" 2>&1) || status=$?
	why=$(tr '\n' ' ' <<< "$why")
	case $status in
	0) echo "ok $1" ;;
	2) echo "skip $1: $why" ;;
	*) echo "FAIL $1: $why" ;;
	esac
	echo "== $SECONDS s"
	return $status
}

# until_true SECONDS COMMAND...: as soon as it succeeds, or not in that time
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" > /dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { fail "in time it is not so that: $*"; return; }
		sleep 0.3
	done
}

property() { systemctl show lastack -p "$1" --value; }
is() { [ "$(property "$1")" = "$2" ] || fail "$1 is $(property "$1"), not $2"; }
of_process() { sed -n "s/^$1:[[:space:]]*\([^[:space:]]*\).*/\1/p" "/proc/$(property MainPID)/status"; }
journal() { journalctl --sync; journalctl -q -u lastack -o cat "$@"; }
as_nobody() { setpriv --reuid=nobody --regid=nogroup "$@"; }
refused() { ! (: <> "/dev/tcp/127.0.0.1/$CLOSED") 2> /dev/null; }

# drop_in NAME LINE...: of the unit; without lines it is removed
drop_in() {
	local file=$DROP_INS/$1.conf
	shift
	mkdir -p $DROP_INS
	if [ $# -gt 0 ]; then printf '%s\n' '[Service]' "$@" > "$file"; else rm -f "$file"; fi
	systemctl daemon-reload
}

# ---- the package and the unit

package_installs() {
	dpkg -i /root/lastack_*.deb > /run/dpkg.log 2>&1 || { fail "$(cat /run/dpkg.log)"; return; }
	[ "$(dpkg-query -W -f '${Status}' lastack)" = 'install ok installed' ] || { fail "$(cat /run/dpkg.log)"; return; }
	grep -q '^lastack:' /etc/passwd && grep -q '^lastack:' /etc/group || { fail 'there is no such user'; return; }
	[ "$(systemctl is-enabled lastack)" = enabled ] || fail "$(systemctl is-enabled lastack)"
}

service_is_active() {
	is ActiveState active && is Type notify && is NRestarts 0 && journal | grep -q 'is ready$'
}

# What it says in the journal that it keeps, it has, and nothing else.
privileges_are_given_up() {
	local expected=0000000000000000 set
	! journal | grep -q 'CAP_BPF and CAP_PERFMON kept' || expected=$CAPABILITIES_BPF
	[ "$(of_process Uid)" = "$(id -u lastack)" ] || { fail "it runs as $(of_process Uid)"; return; }
	[ "$(of_process NoNewPrivs) $(of_process Seccomp)" = '1 2' ] ||
		{ fail "NoNewPrivs, Seccomp: $(of_process NoNewPrivs) $(of_process Seccomp)"; return; }
	for set in CapPrm CapEff; do
		[ "$(of_process $set)" = $expected ] || { fail "$set is $(of_process $set), not $expected"; return; }
	done
	[ "$(of_process CapInh)$(of_process CapAmb)" = 00000000000000000000000000000000 ] || fail 'inheritable or ambient ones'
}

hooks_of_service() {
	lastack status -o json | grep -oE '"fact": *"[^"]*", *"hook": *("[^"]*"|null), *"tier": *("[^"]*"|null)' |
		sed 's/"fact": *\("[^"]*"\),.*"tier": *\(.*\)/\1 \2/'
}

# The unit must not cost a hook that root would have.
hooks_are_those_of_root() {
	lastack check -o json | sed 's/.*"hook": *\("[^"]*"\), *"tier": *\("[^"]*"\|null\).*/\1 \2/' > /run/hooks.root
	hooks_of_service > /run/hooks.service
	[ -s /run/hooks.root ] || { fail 'check tells of no hook'; return; }
	diff /run/hooks.root /run/hooks.service
}

# ---- what it is for

told_in_history() { lastack history -o json "$@" | grep -q .; }

ends_are_in_the_history() {
	busybox wget -qO /dev/null "http://127.0.0.1:$PORT/" || true # there is no such page
	refused || { fail "port $CLOSED is open"; return; }
	exec 3<> "/dev/tcp/127.0.0.1/$PORT" || return
	printf 'GET / HTTP/1.0\r\n\r\n' >&3
	sleep 1
	exec 3>&- # with an answer that nobody has read
	until_true 20 told_in_history -L $PORT --class graceful &&
		until_true 10 told_in_history -D $PORT --comm busybox --class graceful &&
		until_true 10 told_in_history -D $CLOSED --cause refused &&
		until_true 10 told_in_history -D $PORT --comm bash --cause rst_sent_unread_data
}

live_ones_are_listed() {
	local listed
	exec 3<> "/dev/tcp/127.0.0.1/$PORT" || return
	sleep 0.5
	listed=$(lastack list -o json -D $PORT --state ESTABLISHED)
	exec 3>&-
	grep -q "\"remote_port\": *$PORT" <<< "$listed" || fail "$listed"
}

status_tells_of_no_loss() {
	local status
	status=$(lastack status -o json) || return
	grep -q '"ready": *true' <<< "$status" && grep -q '"lost": *0[,}]' <<< "$status" &&
		grep -q '"state": *"writing"' <<< "$status" || fail "$status"
}

followers_are_told() {
	local follower
	timeout 20 lastack follow -o json -n 1 -D $CLOSED > /run/followed &
	follower=$!
	sleep 2
	refused
	wait $follower
	grep -q '"cause": *"refused"' /run/followed || fail "$(cat /run/followed)"
}

only_the_group_may_ask() {
	as_nobody --groups lastack lastack status > /dev/null || { fail 'its group may not'; return; }
	! as_nobody --clear-groups lastack status > /run/refused 2>&1 || { fail 'anybody may'; return; }
	grep -qi 'permission' /run/refused || { fail "$(cat /run/refused)"; return; }
	! as_nobody --groups lastack cat /var/lib/lastack/history.db > /dev/null 2>&1 || fail 'its group reads the database'
}

metrics_are_served() {
	busybox wget -qO /run/metrics http://127.0.0.1:9752/metrics || return
	grep -q '^lastack_' /run/metrics && grep -q '^process_max_fds' /run/metrics ||
		{ fail "$(head -3 /run/metrics)"; return; }
	busybox wget -qO /dev/null http://127.0.0.1:9752/readyz
}

# ---- systemd's verbs

reload_is_taken() {
	local pid
	pid=$(property MainPID)
	echo 'history-max-age = 7d' >> $CONFIG
	systemctl reload lastack && until_true 5 eval 'journal | grep -qx reloaded' && is ActiveState active && is MainPID "$pid"
}

restart_keeps_the_history() {
	systemctl restart lastack && is ActiveState active || return
	told_in_history -D $CLOSED --cause refused || fail 'what was before is gone'
}

# What is older than the daemon: iterators, without capabilities. From here on it tells of what its own filter denies.
older_ones_are_found() {
	local listed
	echo 'log-level = debug' >> $CONFIG
	! grep -qx '"existing sockets" null' /run/hooks.root || { echo 'this kernel has no iterator over files'; return 2; }
	exec 3<> "/dev/tcp/127.0.0.1/$PORT" || return
	systemctl restart lastack || return
	listed=$(lastack list -o json -D $PORT --comm bash)
	exec 3>&-
	grep -q "\"remote_port\": *$PORT" <<< "$listed" || fail "$(lastack list)"
}

# What a probe that was killed has left changed is put back before the daemon starts, as root. Its journal is written here,
# for a connection that there is.
killed_probe_is_recovered() {
	local left=/var/lib/lastack/probe-journal cookie boot
	case $(uname -r) in 5.1[0-4].*) echo 'this kernel lets no program set options of sockets'; return 2 ;; esac
	exec 3<> "/dev/tcp/127.0.0.1/$PORT" || return
	cookie=$(lastack list -o json -D $PORT --comm bash | sed -n '1s/.*"cookie": *\([0-9]*\).*/\1/p')
	boot=$(cat /proc/sys/kernel/random/boot_id)
	(umask 077 && printf '%s\n' 'lastack-probe-journal 1' "boot $boot" \
		"socket $cookie $(stat -L -c %i /proc/self/ns/net) 0 7200 75 9 1 1 1 127" 'end 1' > $left)
	systemctl restart lastack || return
	exec 3>&-
	[ ! -e $left ] || { fail "its journal is left: $(cat $left)"; return; }
	journal | grep -q 'settings of 1 connections were put back, 0 have ended' || fail "$(journal | tail -5)"
}

# Under the unit each tier gives what it has; who accepted, only fentry tells. Debian's kernels grant kprobes to nobody
# but CAP_SYS_ADMIN where kernel.perf_event_paranoid is 3, their default.
tiers_are_granted() {
	local tier missing paranoid
	paranoid=$(cat /proc/sys/kernel/perf_event_paranoid)
	echo 2 > /proc/sys/kernel/perf_event_paranoid
	for tier in kprobe tracepoint; do
		drop_in tier ExecStart= "ExecStart=/usr/bin/lastack daemon -c $CONFIG --tier $tier"
		systemctl restart lastack || return
		missing=$(hooks_of_service | grep ' null$' |
			grep -vxF -e "$(grep ' null$' /run/hooks.root)" -e '"accepting process" null')
		[ -z "$missing" ] || { fail "$tier: $missing"; return; }
	done
	echo "$paranoid" > /proc/sys/kernel/perf_event_paranoid
	drop_in tier
}

stop_is_quick() {
	local start=${EPOCHREALTIME/./} took
	systemctl stop lastack || return
	took=$(((${EPOCHREALTIME/./} - start) / 1000))
	is ActiveState inactive && is Result success && is ExecMainStatus 0 || return
	[ $took -lt 5000 ] || fail "it took $took ms"
}

watchdog_is_fed() {
	drop_in watchdog WatchdogSec=3 RestartSec=100ms
	systemctl restart lastack || return
	sleep 8
	is ActiveState active && is NRestarts 0
}

watchdog_restarts_it() {
	local pid
	pid=$(property MainPID)
	kill -STOP "$pid"
	until_true 30 eval '[ "$(property NRestarts)" -gt 0 ] && is ActiveState active' || return
	is Result success && told_in_history -D $CLOSED && [ "$(property MainPID)" != "$pid" ] || fail 'it is not what it was'
}

# What the unit's own filter does not allow kills here, and does not only fail; but for what opens a control group by
# its number, which takes a capability that only the drop-in gives.
unit_filter_denies_nothing() {
	drop_in watchdog
	drop_in strict SystemCallErrorNumber= SystemCallFilter=open_by_handle_at
	systemctl restart lastack && refused && busybox wget -qO /dev/null http://127.0.0.1:9752/metrics &&
		lastack list > /dev/null && systemctl reload lastack && sleep 3 && is ActiveState active && is NRestarts 0 &&
		systemctl stop lastack && is Result success || fail "$(dmesg | grep type=1326 | tail -3)"
}

audited_namespaces() { lastack status -o json | grep -oE '"netns": *[0-9]+' | grep -oE '[0-9]+$' | head -1; }

namespaces_drop_in_works() {
	local other
	drop_in strict
	cp /usr/share/doc/lastack/examples/lastack-namespaces.conf $DROP_INS/namespaces.conf
	systemctl daemon-reload
	printf '%s\n' 'keep-capabilities = sys_admin,sys_ptrace,dac_read_search' 'audit-interval = 2s' >> $CONFIG
	unshare -n sleep 100 &
	other=$!
	systemctl restart lastack && is ActiveState active && is NRestarts 0 || return
	[ "$(journal -n 30 | grep -c 'is kept$')" -ge 3 ] || { fail "$(journal -n 30)"; return; }
	until_true 20 eval '[ "$(audited_namespaces)" -ge 2 ]' || { fail "audited: $(audited_namespaces)"; return; }
	kill $other
	case $(uname -r) in 5.1[0-5].*) return ;; esac # a socket does not tell its control group there
	refused
	until_true 15 told_in_history -D $CLOSED --cgroup /system.slice/service-test.service ||
		fail "$(lastack history -o json -D $CLOSED -n 1 | grep -o '"cgroup": *[^,]*')"
}

# ---- afterwards

journal_is_quiet() {
	local said
	said=$(journal -p warning | grep -v '^hook missing' |
		grep -vE '^lastack.service: (Watchdog timeout|Killing process|Main process exited|Failed with result)')
	[ -z "$said" ] || fail "$said"
}

no_system_call_was_denied() {
	! dmesg | grep 'type=1326' | grep '/lastack"'
}

package_is_purged() {
	dpkg -P lastack > /run/dpkg.log 2>&1 || { fail "$(cat /run/dpkg.log)"; return; }
	[ ! -e /var/lib/lastack ] && [ ! -e /run/lastack ] && [ ! -e $CONFIG ] && ! systemctl -q is-active lastack ||
		fail 'something is left'
}

echo
echo "== booted $(uname -r), $(systemctl --version | head -1)"
busybox httpd -p 127.0.0.1:$PORT -h /run
if run package_installs; then
	for name in service_is_active privileges_are_given_up hooks_are_those_of_root ends_are_in_the_history \
		live_ones_are_listed status_tells_of_no_loss followers_are_told only_the_group_may_ask metrics_are_served \
		reload_is_taken restart_keeps_the_history older_ones_are_found killed_probe_is_recovered tiers_are_granted \
		stop_is_quick watchdog_is_fed watchdog_restarts_it unit_filter_denies_nothing namespaces_drop_in_works journal_is_quiet \
		no_system_call_was_denied; do
		run $name
	done
fi
echo "== journal"
journal
dmesg | grep -i 'lastack\|audit' | tail -20
run package_is_purged
echo "== end"
systemctl poweroff -ff
