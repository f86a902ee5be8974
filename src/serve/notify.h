/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * notify.h: tells systemd how the service is (sd_notify(3)); without systemd it does nothing.
 */
#ifndef LASTACK_SERVE_NOTIFY_H
#define LASTACK_SERVE_NOTIFY_H

#include <stdint.h>

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
/* One line for `systemctl status`. */
__attribute__((format(printf, 1, 2))) void notify_status(const char *format, ...);
/* To be called more often than notify_watchdog_ns() says; 0: nobody waits for it. */
void notify_watchdog(void);
uint64_t notify_watchdog_ns(void);

#endif
