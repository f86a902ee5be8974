/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * prober.h: runs bpf/probe.bpf.c: who holds which TCP socket, and passes over the sockets of the network namespace that
 * the caller is in, which tell and change settings. What for, it does not know.
 */
#ifndef LASTACK_KERNEL_PROBER_H
#define LASTACK_KERNEL_PROBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe.h"

struct prober;

typedef void (*prober_holder_fn)(void *arg, const struct probe_holder *holder);
typedef void (*prober_sample_fn)(void *arg, const struct probe_sample *sample);

/*
 * With room for so many targets. Returns 0, or -errno with the reason in why: -EPERM without permission, -EOPNOTSUPP
 * where the kernel cannot do it.
 */
int prober_open(struct prober **result, uint32_t targets_max, char *why, size_t size);
void prober_close(struct prober *prober);

/* In all network namespaces. Returns 0 or -errno. */
int prober_holders(struct prober *prober, prober_holder_fn holder, void *arg);
/* All sockets here, listeners apart, or the targets alone, whose actions are done and forgotten. 0 or -errno. */
int prober_pass(struct prober *prober, bool only_targets, prober_sample_fn sample, void *arg);

/* Adds a target or changes what is to be done to it in the next pass. Returns 0 or -errno. */
int prober_target(struct prober *prober, uint64_t cookie, const struct probe_target *target);
void prober_forget(struct prober *prober, uint64_t cookie);
/* How a target ended; time_ns 0 where that was not seen. */
struct probe_end prober_end(const struct prober *prober, uint64_t cookie);

#endif
