/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * quiet_thread.c: see quiet_thread.h.
 */
#include <signal.h>
#include <stddef.h>

#include "serve/quiet_thread.h"

int quiet_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	sigset_t all, before;
	int error;

	/* It is born with all of them blocked: afterwards there would be a moment in which one comes. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}
