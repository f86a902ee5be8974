/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * quiet_thread.h: starts a thread that takes no signals: they are the loop's.
 */
#ifndef LASTACK_SERVE_QUIET_THREAD_H
#define LASTACK_SERVE_QUIET_THREAD_H

#include <pthread.h>

/* Returns 0 or -errno. */
int quiet_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
