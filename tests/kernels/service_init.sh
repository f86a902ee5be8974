#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
# service_init.sh: the first process of the guest of systemd.sh. Unpacks /root.tar into a tmpfs of its own (that one can
# be pivoted, as systemd does for services; what a kernel starts with cannot), lays down what maintainer scripts that
# were not run would have, and a target that is nothing but service.sh, and becomes systemd.
set -eu
/bin/busybox --install -s /bin
export PATH=/bin
mount -t tmpfs -o mode=755 root /root
tar -x -f /root.tar -C /root
cp /service.sh /root/root/
cd /root

cp usr/share/base-passwd/passwd.master etc/passwd
cp usr/share/base-passwd/group.master etc/group
echo guest > etc/hostname
echo '127.0.0.1 localhost guest' > etc/hosts
echo 0123456789abcdef0123456789abcdef > etc/machine-id # without one it is a first boot, and all presets are gone through
mkdir -p tmp var/log/journal etc/systemd/system
chmod 1777 tmp
for unit in dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-fs-fuse-connections.mount \
	proc-sys-fs-binfmt_misc.automount systemd-binfmt.service systemd-hwdb-update.service systemd-pstore.service \
	systemd-random-seed.service systemd-update-utmp.service systemd-update-done.service systemd-ask-password-console.path \
	systemd-ask-password-wall.path systemd-modules-load.service systemd-firstboot.service; do
	ln -s /dev/null "etc/systemd/system/$unit"
done
cat > etc/systemd/system/service-test.target <<'UNIT'
[Unit]
Requires=service-test.service
UNIT
cat > etc/systemd/system/service-test.service <<'UNIT'
[Service]
Type=oneshot
ExecStart=/bin/bash /root/service.sh
TimeoutStartSec=infinity
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
UNIT
cd /
exec /bin/busybox switch_root /root /lib/systemd/systemd
