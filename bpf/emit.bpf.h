/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * emit.bpf.h: how a record gets into the ring buffer, and how each that does not is counted.
 *
 * Counters are per CPU and atomic: a softirq may interrupt a program on the same CPU between the load
 * and the store of a plain increment.
 */
#ifndef LASTACK_EMIT_BPF_H
#define LASTACK_EMIT_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 * 1024 * 1024); /* the loader sets the operator's choice */
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event_counts);
} event_counters SEC(".maps");

/* A quarter of the ring, in bytes: the fill at which the consumer is woken before its timer. */
const volatile __u64 wake_fill_bytes = 4 * 1024 * 1024;

/* Asking for the fill costs about 20 ns, so only every so many records of a CPU and kind. */
#define WAKE_CHECK_MASK 127

static __always_inline struct event_count *count_of(enum event_kind kind)
{
	__u32 zero = 0;
	struct event_counts *counts = bpf_map_lookup_elem(&event_counters, &zero);

	return counts ? &counts->kind[kind] : NULL;
}

static __always_inline void event_filtered(enum event_kind kind)
{
	struct event_count *count = count_of(kind);

	if (!count)
		return;
	__sync_fetch_and_add(&count->generated, 1);
	__sync_fetch_and_add(&count->filtered, 1);
}

/* Room for one record with its header filled, or NULL: then it is counted as lost. */
static __always_inline void *event_reserve(enum event_kind kind, __u64 size, __u64 key, __u16 flags)
{
	struct event_count *count = count_of(kind);
	struct event_header *header;

	if (!count)
		return NULL;
	__sync_fetch_and_add(&count->generated, 1);
	header = bpf_ringbuf_reserve(&events, size, 0);
	if (!header) {
		__sync_fetch_and_add(&count->lost, 1);
		return NULL;
	}
	header->time_ns = bpf_ktime_get_ns();
	header->cookie = key;
	header->pid = bpf_get_current_pid_tgid() >> 32;
	header->kind = kind;
	header->version = EVENT_VERSION;
	header->flags = flags;
	return header;
}

static __always_inline void event_submit(void *record, enum event_kind kind)
{
	struct event_count *count = count_of(kind);
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (count && (count->generated & WAKE_CHECK_MASK) == 0 &&
	    bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > wake_fill_bytes)
		flags = BPF_RB_FORCE_WAKEUP;
	bpf_ringbuf_submit(record, flags);
}

#endif
