/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * copies.bpf.h: why programs stand more than once at the same place, and how their copies agree on who takes an event.
 * What they do with it is in handlers*.bpf.h.
 *
 * The kernel does not run a program that is under way on the same CPU already (__bpf_trace_run(): prog->active): a
 * softirq's event in the middle of a task's would go missing. So programs that may be hit by that have copies, which
 * run one after the other for each event. One rule: a copy that finds a note of the event, left by one before it, hands
 * it on to the next; one that finds none takes the event, as all before it were skipped, and leaves a note. The last
 * one throws notes away, also those of events that interrupted it, for which it was skipped itself. What is left all
 * the same is overwritten in the end.
 *
 * Since 7.0 (a46023d5616e) programs of tracepoints are preemptible, and those of functions were before: whoever runs
 * next may come to the same place, and the next after him. With a dozen busy processes on a CPU several of them
 * are away in the middle of a program at any time, so that no number of copies would do. There programs keep their CPU
 * (RUN_WHOLE()), which leaves a few instructions, and a third and a fourth copy make up for these. What a copy skips
 * for that time, which is long where many share a CPU, leaves notes that nobody fetches.
 */
#ifndef LASTACK_COPIES_BPF_H
#define LASTACK_COPIES_BPF_H

/*
 * Set by the loader, one after the other, once all copies are attached: from when on notes are left, and from when on
 * their absence means something. Before, the first copy does everything.
 */
bool pairs_noted;
bool pairs_ready;

/*
 * Where programs are preemptible a task may lose its CPU between two copies, for long, and go on on another one. So
 * there notes are kept by task, two for each: one of what it does itself, one of what softirqs do that interrupt it.
 * Either does one thing after the other, so that a note is over when the next one is left in its place. Tasks whose
 * numbers are TASK_NOTES apart share a place. That the map has no more than one tells that it is not wanted.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct task_note);
} task_notes SEC(".maps");

static __always_inline struct task_note *task_note_get(bool acts)
{
	__u32 task = bpf_get_current_pid_tgid(), key;

	if (!task) /* each CPU has an idle task of this number */
		task = ~bpf_get_smp_processor_id();
	key = 2 * (task & (TASK_NOTES - 1)) + acts;
	return bpf_map_lookup_elem(&task_notes, &key);
}

/*
 * task_acts() of whatever a reset is sent for. A listener is not locked for that: whether it is tells of somebody else.
 * A minisock has no lock.
 */
static __always_inline bool task_resets(const struct sock *sk)
{
	__u8 state = sk ? sk->__sk_common.skc_state : TCP_LISTEN;

	return state != TCP_LISTEN && state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV && task_acts(sk);
}

/* Is the place free? What has interrupted this one has done with its own notes when this goes on. */
static __always_inline bool note_take(struct copy_note *note)
{
	volatile __u64 *taken = &note->taken;

	if (*taken)
		return false;
	*taken = 1;
	return true;
}

/* It stands for no event until it is written anew. */
static __always_inline void note_give_back(struct copy_note *note)
{
	note->pair = PROGRAM_PAIRS;
	note->taken = 0;
}

/* Where none is free, most are of events that are over and were not fetched: one after the other is overwritten. */
static __always_inline void note_leave(struct copy_notes *notes, enum program_pair pair, __u64 object, __u64 detail)
{
	struct copy_note *note = NULL;
	__u32 i, number;

	if (!pairs_noted)
		return;
	number = notes->next++;
	for (i = 0; i < COPY_NOTES; i++) { /* nearly always the first place, which is in the cache */
		note = &notes->notes[i];
		if (note_take(note))
			break;
	}
	if (i == COPY_NOTES)
		note = &notes->notes[number & (COPY_NOTES - 1)];
	note->object = object;
	note->detail = detail;
	note->pair = pair;
	note->number = number;
}

static __always_inline bool note_fetch(struct copy_notes *notes, enum program_pair pair, __u64 object, __u64 detail)
{
	for (__u32 i = 0; i < COPY_NOTES; i++) {
		struct copy_note *note = &notes->notes[i];

		if (note->object != object || note->detail != detail || note->pair != pair || !note->taken)
			continue;
		note_give_back(note);
		return true;
	}
	return false;
}

/* How many were left so far. Read each time: whatever interrupts leaves some too. */
static __always_inline __u32 notes_number(const struct copy_notes *notes)
{
	return *(const volatile __u32 *)&notes->next;
}

/*
 * The last copy has ended. Of the events that interrupted it the first copy left notes that nobody could fetch, as the
 * last was under way: they must not stand for the next event of the same socket and kind.
 */
static __always_inline void notes_forget(struct copy_notes *notes, __u32 since)
{
	if (notes_number(notes) == since)
		return;
	for (__u32 i = 0; i < COPY_NOTES; i++) {
		struct copy_note *note = &notes->notes[i];

		if ((__s32)(note->number - since) >= 0)
			note_give_back(note);
	}
}

static __always_inline void event_rescued(struct cpu_state *cpu, enum program_pair pair)
{
	__sync_fetch_and_add(&cpu->rescued[pair], 1);
}

/* Does this copy, counted from 1, take the event? Of two copies, where tasks do not interrupt each other. */
static __always_inline bool copy_takes(struct cpu_state *cpu, enum program_pair pair, __u32 copy, __u64 object,
				       __u64 detail)
{
	if (copy == 1) {
		note_leave(&cpu->notes, pair, object, detail);
		return true;
	}
	if (note_fetch(&cpu->notes, pair, object, detail) || !pairs_ready)
		return false;
	event_rescued(cpu, pair);
	return true;
}

/* The same where they do. */
static __always_inline bool copy_takes_whole(struct cpu_state *cpu, struct task_note *note, enum program_pair pair,
					     __u32 copy, __u64 object, __u64 detail)
{
	if (copy > 1) {
		bool noted = note->object == object && note->detail == detail && note->pair == pair &&
			     note->copy < copy;

		if (noted)
			note->copy = copy; /* handed on; nobody comes after the last one */
		if (noted || !pairs_ready)
			return false;
		event_rescued(cpu, pair);
	}
	if (pairs_noted)
		*note = (struct task_note){.object = object, .detail = detail, .pair = pair, .copy = copy};
	return true;
}

/*
 * kfuncs (the last two since 6.14). Not `extern ... __ksym`: for a name that the kernel does not have, libbpf looks
 * through the BTF of all modules, which asks for CAP_SYS_ADMIN. src/kernel/kfuncs.c puts the real ones in.
 */
static void (*const bpf_preempt_disable)(void) = (void *)KFUNC_PREEMPT_DISABLE;
static void (*const bpf_preempt_enable)(void) = (void *)KFUNC_PREEMPT_ENABLE;
static void (*const bpf_local_irq_save)(unsigned long *flags) = (void *)KFUNC_LOCAL_IRQ_SAVE;
static void (*const bpf_local_irq_restore)(unsigned long *flags) = (void *)KFUNC_LOCAL_IRQ_RESTORE;

/*
 * Keeps the CPU while it runs. bpf_preempt_enable() alone would give it away right there, in the program, if
 * that was asked for meanwhile; with interrupts off it does not, and the kernel does it a moment later, when the
 * program has ended.
 */
#define RUN_WHOLE(run)                                                                                                 \
	({                                                                                                             \
		unsigned long interrupts;                                                                              \
		bpf_preempt_disable();                                                                                 \
		run;                                                                                                   \
		bpf_local_irq_save(&interrupts);                                                                       \
		bpf_preempt_enable();                                                                                  \
		bpf_local_irq_restore(&interrupts);                                                                    \
	})

#endif
