/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handlers_stack.bpf.h: who called connect() or accept(), as the user stack of the running task. Only loaded on
 * demand (monitor_config.stacks): a stack costs more than everything else an event does.
 *
 * Frames are told by build id and offset where the kernel finds the first, so that they can be named when the process
 * is gone, has become another program, or another process of the same program is asked.
 */
#ifndef LASTACK_HANDLERS_STACK_BPF_H
#define LASTACK_HANDLERS_STACK_BPF_H

#define BPF_F_USER_STACK    (1ULL << 8)
#define BPF_F_USER_BUILD_ID (1ULL << 11)

/* A stack is six times as large as any other record: it must not be the one that makes others go missing. */
static __always_inline bool ring_has_room_for_stacks(void)
{
	__u32 number = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&rings, &number);

	return ring && bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) < 2 * wake_fill_bytes;
}

#if defined(__TARGET_ARCH_x86)
#define CODE_BYTES 8
#define USER_FIRST 0x1000ULL
#define USER_LAST  0x7fffffffffffULL /* with five levels of page tables programs have to ask for more */

/*
 * Does a call stand before this address? E8 with a distance, or FF /2 with what it asks for. Whatever else lies on a
 * stack would make the same stack another one each time.
 */
static __always_inline bool may_be_return_address(__u64 address)
{
	__u8 code[CODE_BYTES];

	if (address < USER_FIRST || address > USER_LAST ||
	    bpf_probe_read_user(code, sizeof(code), (const void *)(address - sizeof(code))))
		return false;
	if (code[3] == 0xe8)
		return true;
	for (__u32 i = 1; i < CODE_BYTES - 1; i++)
		if (code[i] == 0xff && (code[i + 1] >> 3 & 7) == 2)
			return true;
	return false;
}

static __always_inline void tops_fill(struct event_stack *event)
{
	const struct pt_regs *registers = user_registers();
	__u64 words[EVENT_STACK_TOPS] = {}, stack;

	if (!registers)
		return;
	event->address = BPF_CORE_READ(registers, ip);
	stack = BPF_CORE_READ(registers, sp);
	if (bpf_probe_read_user(words, sizeof(words), (const void *)stack))
		return;
	for (__u32 i = 0; i < EVENT_STACK_TOPS; i++)
		if (may_be_return_address(words[i]))
			event->tops[i] = words[i];
}
/*
 * Where a program uses the frame pointer for something else, the kernel goes on to whatever that points at. Most of it
 * is in no file, and would make the same stack another one each time: there it ends.
 */
static __always_inline void frames_cut(struct event_stack *event)
{
	for (__u32 i = 1; i < EVENT_FRAMES_MAX; i++) {
		struct event_frame *frame = &event->frames[i];

		if (frame->kind == FRAME_NONE)
			return;
		if (frame->kind == FRAME_ADDRESS && !may_be_return_address(frame->place)) {
			frame->kind = FRAME_NONE;
			return;
		}
	}
}
#else
static __always_inline void tops_fill(struct event_stack *event)
{
}

static __always_inline void frames_cut(struct event_stack *event)
{
}
#endif

static __always_inline void emit_stack(void *ctx, struct cpu_state *cpu, __u64 key, enum stack_call call)
{
	struct event_stack *event;

	if (!ring_has_room_for_stacks()) {
		event_lost(cpu, EVENT_STACK);
		return;
	}
	event = event_reserve(cpu, EVENT_STACK, sizeof(*event), key, EVENT_TASK_ACTS);
	if (!event)
		return;
	event->call = call;
	__builtin_memset(event->pad, 0, sizeof(event->pad));
	event->address = 0;
	__builtin_memset(event->tops, 0, sizeof(event->tops));
	tops_fill(event);
	/* What it does not fill it sets to 0, also where it fails: a stack without frames. */
	bpf_get_stack(ctx, event->frames, sizeof(event->frames), BPF_F_USER_STACK | BPF_F_USER_BUILD_ID);
	frames_cut(event);
	event_submit(cpu, event, EVENT_STACK);
}

/* CLOSE->SYN_SENT comes out of connect(), or of sendto() with TCP Fast Open. */
static __always_inline int handle_connect_stack(void *ctx, struct cpu_state *cpu, const struct sock *socket)
{
	struct socket_view view;

	if (!view_tcp(&view, cpu, EVENT_STACK, VIEW_STATE_STACK, socket))
		return 0;
	if (socket_is_wanted(view.sk, 0))
		emit_stack(ctx, cpu, socket_key(socket), STACK_CONNECT);
	else
		event_filtered(cpu, EVENT_STACK);
	return 0;
}

static __always_inline int handle_accept_stack(void *ctx, struct cpu_state *cpu, const struct sock *sk)
{
	if (accepted_is_wanted(cpu, sk, EVENT_STACK))
		emit_stack(ctx, cpu, socket_key(sk), STACK_ACCEPT);
	return 0;
}

/*
 * What the descriptor of the running task stands for, if that is a TCP socket: its address, else 0. Another thread may
 * have closed it by now: what is read is then another socket, or nonsense that looks like none.
 */
static __always_inline __u64 tcp_socket_of_descriptor(__u32 descriptor)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;
	struct socket *socket;
	struct sock *sk;
	__u16 family;

	if (descriptor >= BPF_CORE_READ(table, max_fds) ||
	    bpf_probe_read_kernel(&file, sizeof(file), files + descriptor) || !file)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	if (!sk || BPF_CORE_READ(socket, file) != file)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if ((family != AF_INET && family != AF_INET6) || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	return (__u64)sk;
}

/* Where accept() itself cannot be hooked: when the system call is over. The operator's filter is user space's then. */
static __always_inline int handle_accept_exit(void *ctx, struct cpu_state *cpu, long descriptor)
{
	__u64 socket, key;

	if (descriptor < 0)
		return 0;
	socket = tcp_socket_of_descriptor(descriptor);
	key = socket ? socket_key_of_address(socket) : 0;
	if (key)
		emit_stack(ctx, cpu, key, STACK_ACCEPT);
	return 0;
}

#endif
