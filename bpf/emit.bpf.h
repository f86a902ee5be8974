/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * emit.bpf.h: how a record gets into the ring buffer of its CPU, and how each that does not is counted.
 *
 * One ring a CPU: with a single one, two busy CPUs pass its lock and its positions to and fro, which
 * costs as much as everything else an event does (measured: 100 of 300 ns). User space merges by time.
 *
 * Counters are atomic: a softirq may interrupt a program on the same CPU between the load and the store
 * of a plain increment.
 */
#ifndef LASTACK_EMIT_BPF_H
#define LASTACK_EMIT_BPF_H

/* Ring buffers by CPU. The loader makes them, sets their number and puts them in. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cpu_state);
} cpu_states SEC(".maps");

/* A quarter of a ring, in bytes: the fill at which the consumer is woken before its timer. */
const volatile __u64 wake_fill_bytes = 256 * 1024;

/* Asking for the fill costs about 20 ns, so only every so many records of a CPU and kind. */
#define WAKE_CHECK_MASK 127

static __always_inline struct cpu_state *cpu_state_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cpu_states, &zero);
}

static __always_inline void event_filtered(struct cpu_state *cpu, enum event_kind kind)
{
	__sync_fetch_and_add(&cpu->counts.kind[kind].generated, 1);
	__sync_fetch_and_add(&cpu->counts.kind[kind].filtered, 1);
}

/* Before there was room asked for. */
static __always_inline void event_lost(struct cpu_state *cpu, enum event_kind kind)
{
	__sync_fetch_and_add(&cpu->counts.kind[kind].generated, 1);
	__sync_fetch_and_add(&cpu->counts.kind[kind].lost, 1);
}

/* Room for one record with its header filled, or NULL: then it is counted as lost. */
static __always_inline void *event_reserve(struct cpu_state *cpu, enum event_kind kind, __u64 size, __u64 key,
					   __u16 flags)
{
	__u32 number = bpf_get_smp_processor_id();
	struct event_header *header = NULL;
	void *ring;

	__sync_fetch_and_add(&cpu->counts.kind[kind].generated, 1);
	ring = bpf_map_lookup_elem(&rings, &number);
	if (ring)
		header = bpf_ringbuf_reserve(ring, size, 0);
	if (!header) {
		__sync_fetch_and_add(&cpu->counts.kind[kind].lost, 1);
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

static __always_inline void event_submit(struct cpu_state *cpu, void *record, enum event_kind kind)
{
	__u32 number = bpf_get_smp_processor_id();
	__u64 flags = BPF_RB_NO_WAKEUP;
	void *ring;

	if ((cpu->counts.kind[kind].generated & WAKE_CHECK_MASK) == 0) {
		ring = bpf_map_lookup_elem(&rings, &number);
		if (ring && bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) > wake_fill_bytes)
			flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(record, flags);
}

#endif
