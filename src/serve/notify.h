/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * notify.h: tells systemd how the service is (sd_notify(3)); without systemd it does nothing.
 */
#ifndef LASTACK_SERVE_NOTIFY_H
#define LASTACK_SERVE_NOTIFY_H

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
/* One line for `systemctl status`. */
__attribute__((format(printf, 1, 2))) void notify_status(const char *format, ...);
/* To be called more often than the unit's WatchdogSec= says. */
void notify_watchdog(void);

#endif
