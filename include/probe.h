/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe.h: what bpf/probe.bpf.c and user space have in common: the keepalive settings of a socket, what is to be done
 * to a socket, and what was found there. Nothing of it is ever written to a file as it stands here.
 */
#ifndef LASTACK_PROBE_H
#define LASTACK_PROBE_H

#include "event.h"

/* What a socket can be given (MAX_TCP_KEEPIDLE, _INTVL, _CNT in include/net/tcp.h); the least is 1. */
#define PROBE_SECONDS_MAX 32767
#define PROBE_COUNT_MAX   127

/* In force: the socket's own, or those of its network namespace. */
struct probe_settings {
	__u32 keepalive; /* SO_KEEPALIVE: 0 or 1 */
	__u32 idle_s;    /* TCP_KEEPIDLE */
	__u32 interval_s;
	__u32 count;
};

enum probe_action {
	PROBE_LOOK,    /* change nothing */
	PROBE_BEGIN,   /* from `expected` to `wanted`; nothing where something else is found */
	PROBE_RESTORE, /* what is found as in `expected` becomes as in `wanted`; the rest is somebody's own wish */
	PROBE_TELL,    /* the kernel side's own: it is done, but there was no room to tell so */
};

struct probe_target {
	__u32 action;     /* enum probe_action; the kernel side resets it */
	__u32 probes_out; /* BEGIN: no more than these are unanswered, or the new count would not be what it seems */
	struct probe_settings expected, wanted;
	/* The kernel side's own, for PROBE_TELL. */
	struct probe_settings found;
	__u32 result;
	__s32 error;
};

/* How a target's connection ended. */
struct probe_end {
	__u64 time_ns; /* 0: it has not */
	__s32 error;   /* sk_err */
	__u32 probes_out;
};

enum probe_result {
	PROBE_LOOKED,
	PROBE_DONE,
	PROBE_DONE_IN_PART, /* the kernel refused an option: see sample.error */
	PROBE_CHANGED,      /* BEGIN: the settings are not as expected */
	PROBE_UNFIT,        /* BEGIN: data is under way, or the process is gone, or the state is another */
	PROBE_ORPHAN,       /* RESTORE: no process can see its settings any more; its timer is the kernel's */
};

enum probe_trait {
	PROBE_ORPHANED = 1 << 0,     /* SOCK_DEAD */
	PROBE_OWN_IDLE = 1 << 1,     /* TCP_KEEPIDLE is the socket's own, not the namespace's */
	PROBE_OWN_INTERVAL = 1 << 2, /* the same of TCP_KEEPINTVL */
	PROBE_OWN_COUNT = 1 << 3,
};

/* From iter/tcp. Settings as they were before an action. */
struct probe_sample {
	__u64 time_ns;
	__u64 cookie;
	__u64 cgroup;
	struct event_tuple tuple;
	struct probe_settings settings;
	__u32 heard_ticks;  /* the jiffy of the last segment from the peer */
	__u32 silent_ticks; /* since then */
	__u32 unacked_bytes;
	__u32 window_bytes; /* that the peer offers */
	__u32 user_timeout_ms;
	__u32 uid;
	__u32 local_isn, remote_isn; /* ours for the end that listened: one less */
	__s32 error;                 /* of a setsockopt that was refused: -errno */
	__u8 state;
	__u8 family;
	__u8 probes_out;  /* consecutive, unanswered */
	__u8 retransmits; /* the same */
	__u8 result;      /* enum probe_result */
	__u8 traits;      /* enum probe_trait */
	__u8 pad[6];
};

/* From iter/task_file: a process that holds a TCP socket. */
struct probe_holder {
	__u64 cookie;
	__u32 pid;
	__s32 descriptor;
	char comm[EVENT_COMM_BYTES];
};

_Static_assert(sizeof(struct probe_sample) == 128, "probe_sample");
_Static_assert(sizeof(struct probe_holder) == 32, "probe_holder");

#endif
