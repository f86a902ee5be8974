/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * event.h: the only contract between the kernel side (bpf/) and user space.
 *
 * Every record that crosses the ring buffer, comes out of a socket iterator or stands in a recording
 * is one of the structures below. They use fixed-width types, explicit padding and asserted sizes, so
 * that the same bytes mean the same on both sides and in a file that was written years ago.
 *
 * Times are CLOCK_MONOTONIC in nanoseconds. Ports are in host byte order, addresses in network byte
 * order (IPv4 in the first four bytes). "Ticks" are kernel jiffies: only user space knows their length
 * (the resolution of CLOCK_MONOTONIC_COARSE), so the kernel side sends them as they are.
 */
#ifndef LASTACK_EVENT_H
#define LASTACK_EVENT_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define EVENT_VERSION        2
#define EVENT_COMM_BYTES     16
#define EVENT_ADDRESS_BYTES  16
#define EVENT_MAX_BYTES      1128
#define EVENT_FRAMES_MAX     32
#define EVENT_STACK_TOPS     8
#define EVENT_BUILD_ID_BYTES 20

/* Linux numbering, include/net/tcp_states.h (the same since 2.6). */
enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
	TCP_STATES, /* one more than the last */
};

/* What a record says. The numbers are part of the recording format: append, never renumber. */
enum event_kind {
	EVENT_NONE = 0,
	EVENT_BIRTH = 1,             /* struct event_birth: a connection or listener appears */
	EVENT_STATE = 2,             /* struct event_state: a transition outside its owner's context */
	EVENT_STATE_TASK = 3,        /* struct event_state_task: a transition by the task that acts */
	EVENT_CLOSE = 4,             /* struct event_close: a transition to CLOSE, with the last facts */
	EVENT_RETRANSMIT = 5,        /* struct event_retransmit */
	EVENT_RETRANSMIT_SYNACK = 6, /* struct event_synack */
	EVENT_RESET_SENT = 7,        /* struct event_reset_sent */
	EVENT_RESET_RECEIVED = 8,    /* struct event_reset_received */
	EVENT_ERROR = 9,             /* struct event_error: an error told to a socket that lives on */
	EVENT_PROBE = 10,            /* struct event_probe: keepalive or window probe */
	EVENT_TIME_WAIT = 11,        /* struct event_time_wait: a minisock begins, changes or ends */
	EVENT_ACCEPT = 12,           /* struct event_accept: the task that accepted a connection */
	EVENT_OOM_KILL = 13,         /* struct event_header alone: pid is the victim */
	EVENT_EXISTING = 14,         /* struct event_existing: seen by a socket iterator */
	EVENT_STACK = 15,            /* struct event_stack: what called connect() or accept(), only on demand */
	EVENT_KINDS = 16,
};

/* event_header.flags: facts about the socket or the running task at that moment. */
enum event_flag {
	EVENT_TASK_ACTS = 1 << 0,          /* the running task holds the socket lock: pid is meaningful */
	EVENT_FILE_ALIVE = 1 << 1,         /* the socket's file exists and somebody holds it */
	EVENT_FILE_DEAD = 1 << 2,          /* the file is in its final release: close, exit, exec */
	EVENT_TASK_EXITING = 1 << 3,       /* the running task is in do_exit */
	EVENT_SOCKET_DEAD = 1 << 4,        /* SOCK_DEAD: orphan, no process holds it */
	EVENT_SOCKET_DONE = 1 << 5,        /* SOCK_DONE: the peer's FIN has been processed */
	EVENT_KEEPALIVE_ON = 1 << 6,       /* SOCK_KEEPOPEN */
	EVENT_LINGER_ZERO = 1 << 7,        /* SO_LINGER {1, 0} */
	EVENT_HAS_SOCKET = 1 << 8,         /* sk_socket is set; without it and not dead: never accepted */
	EVENT_REPAIR = 1 << 9,             /* TCP_REPAIR: the socket is taken away silently */
	EVENT_WINDOW_ZERO = 1 << 10,       /* the peer's last advertised window is zero */
	EVENT_NOTHING_IN_FLIGHT = 1 << 11, /* snd_nxt == snd_una */
	EVENT_LINGER2_NEGATIVE = 1 << 12,  /* TCP_LINGER2 < 0 */
	EVENT_PASSIVE = 1 << 13,           /* reset sent as an answer to a segment; birth: by a listener */
	EVENT_RESET_STATEFUL = 1 << 13,    /* reset received with the negotiated timestamp option */
	EVENT_RESET_STATELESS = 1 << 14,   /* reset received without the negotiated timestamp option */
	EVENT_MEMORY_OVER = 1 << 15,       /* TCP memory is above tcp_mem[2] */
	EVENT_RTO_UNCLAMPED = 1 << 13,     /* retransmission: no TCP_USER_TIMEOUT cuts the timer short */
	EVENT_RTO_MAX_USUAL = 1 << 14,     /* retransmission, close with an error: the RTO may grow to 120 s */
	EVENT_THIN_LINEAR = 1 << 15, /* retransmission: linear timeouts are asked for, should the stream be thin */
};

struct event_header {
	__u64 time_ns;
	__u64 cookie; /* socket cookie; the address of the socket where the kernel has no cookie helper */
	__u32 pid;    /* thread group id of the running task: an owner only with EVENT_TASK_ACTS; 0: a kernel thread */
	__u8 kind;    /* enum event_kind */
	__u8 version; /* EVENT_VERSION */
	__u16 flags;  /* enum event_flag */
};

/* Local and remote end. */
struct event_tuple {
	__u8 local[EVENT_ADDRESS_BYTES];
	__u8 remote[EVENT_ADDRESS_BYTES];
	__u16 local_port;
	__u16 remote_port;
	__u32 netns; /* network namespace inode */
};

/*
 * CLOSE->SYN_SENT, CLOSE->LISTEN, LISTEN->SYN_RECV (only where TCP Fast Open may make that state last)
 * and SYN_RECV->anything. A passive connection is announced at the last, not at LISTEN->SYN_RECV:
 * both happen within microseconds, and only the last has the cookie of the child on every kernel.
 */
struct event_birth {
	struct event_header header;
	__u8 old_state;
	__u8 new_state;
	__u8 family; /* 4 or 6 */
	__u8 pad;
	__u32 uid; /* of the socket */
	struct event_tuple tuple;
	__u64 socket;    /* address of struct sock: joins LISTEN->SYN_RECV with what follows */
	__u64 cgroup;    /* cgroup v2 id of the socket, 0 where unknown */
	__u32 local_isn; /* with new_state ESTABLISHED, else 0 */
	__u32 remote_isn;
	__u32 handshake_us; /* SYN-ACK to its ACK as the kernel measured it, 0 where it did not */
	char comm[EVENT_COMM_BYTES];
	__u32 pad2;
};

struct event_state {
	struct event_header header;
	__u8 old_state;
	__u8 new_state;
	__u16 local_port;
	__u32 local_isn; /* with new_state ESTABLISHED, else 0 */
	__u32 remote_isn;
	__u32 pad;
};

struct event_state_task {
	struct event_state state;
	__u32 uid;
	__s32 exit_code; /* as in wait(2), meaningful with EVENT_TASK_EXITING */
	char comm[EVENT_COMM_BYTES];
};

/*
 * limit is what the timer in question went by. With old_state FIN_WAIT2: how many seconds an orphan waits there
 * (TCP_LINGER2 or tcp_fin_timeout; 255: that or more). With an error: in SYN_SENT the retries of the SYN
 * (TCP_SYNCNT or tcp_syn_retries), else those of data, which are tcp_retries2, or for an orphan
 * tcp_orphan_retries (8 where that is 0).
 */
struct event_close {
	struct event_header header;
	__u8 old_state;
	__u8 new_state;
	__u8 error;      /* sk_err */
	__u8 soft_error; /* sk_err_soft */
	__u16 local_port;
	__u8 shutdown;         /* 1 receive, 2 send */
	__u8 pending_timer;    /* icsk_pending */
	__u8 retransmits;      /* icsk_retransmits: consecutive, unanswered */
	__u8 probes_out;       /* icsk_probes_out: consecutive, unanswered */
	__u8 keepalive_probes; /* in force on this socket; 0 with keepalive off */
	__u8 limit;            /* see above; 0: not known, or nobody asks */
	__u32 keepalive_idle_ticks;
	__u32 keepalive_interval_ticks;
	__u32 user_timeout_ms;
	__u32 uid;
	__s32 exit_code;
	char comm[EVENT_COMM_BYTES];
	__u32 unacked_bytes; /* write_seq - snd_una, a FIN counts as one */
	__u32 unread_bytes;  /* rcv_nxt - copied_seq, without the peer's FIN */
	__u32 total_retransmits;
	__u32 total_timeouts; /* UINT32_MAX where the kernel does not count them */
	__u32 silent_ticks;   /* since the last segment from the peer; UINT32_MAX: none came */
	__u32 srtt_us;
	__u64 bytes_sent;     /* payload, without retransmissions */
	__u64 bytes_received; /* payload */
};

struct event_retransmit {
	struct event_header header;
	__u8 state;
	__u8 pending_timer; /* icsk_pending: 5 is a tail loss probe */
	__u8 retransmits;
	__u8 backoff;
	__s16 error; /* 0 or -errno of the transmission */
	__u16 local_port;
	__u32 unacked_bytes;
	__u32 rto_ticks;
};

struct event_synack {
	struct event_header header; /* cookie: the listener's, or the child's with TCP Fast Open */
	struct event_tuple tuple;
	__u64 request; /* cookie of the request socket: not that of the child to come */
	__u8 family;
	__u8 timeouts; /* SYN-ACKs repeated by the timer before this one */
	__u8 max_retries;
	__u8 pad;
	__u32 timeout_ticks; /* initial; doubles with each timeout */
};

/* Why the kernel sent a reset: its enum sk_rst_reason by name, so that renumbering does not matter. */
enum reset_reason {
	RESET_REASON_UNKNOWN = 0, /* a kernel without reasons */
	RESET_REASON_NOT_SPECIFIED,
	RESET_REASON_NO_SOCKET,
	RESET_REASON_INVALID_ACK_SEQUENCE,
	RESET_REASON_PAWS,
	RESET_REASON_TOO_OLD_ACK,
	RESET_REASON_ACK_UNSENT_DATA,
	RESET_REASON_FLAGS,
	RESET_REASON_OLD_ACK,
	RESET_REASON_ABORT_ON_DATA,
	RESET_REASON_TIMEWAIT_SOCKET,
	RESET_REASON_INVALID_SYN,
	RESET_REASON_ABORT_ON_CLOSE,
	RESET_REASON_ABORT_ON_LINGER,
	RESET_REASON_ABORT_ON_MEMORY,
	RESET_REASON_STATE,
	RESET_REASON_KEEPALIVE_TIMEOUT,
	RESET_REASON_DISCONNECT_WITH_DATA,
	RESET_REASON_MPTCP,
	RESET_REASON_ERROR,
	RESET_REASON_OTHER, /* one that a newer kernel added */
	RESET_REASONS,
};

struct event_reset_sent {
	struct event_header header; /* cookie 0 without a socket */
	__u8 state;                 /* of the socket, 0 without one */
	__u8 reason;                /* enum reset_reason */
	__u8 family;
	__u8 probes_out;
	__u32 pad;
	/* Of the segment answered, where no connection's socket is at hand; its netns is 0 where that is not known. */
	struct event_tuple tuple;
};

struct event_reset_received {
	struct event_header header;
	__u8 state;
	__u8 retransmits;
	__u8 probes_out;
	__u8 pad;
	__u32 unacked_bytes;
	__u32 silent_ticks;
	__u32 challenge_ticks; /* since an ACK was sent to an unacceptable segment; UINT32_MAX: never */
};

struct event_error {
	struct event_header header;
	__u8 state;
	__u8 error;
	__u8 soft_error;
	__u8 pad[5];
};

enum probe_kind {
	PROBE_KEEPALIVE = 0,
	PROBE_WINDOW = 1,
};

struct event_probe {
	struct event_header header;
	__u8 state;
	__u8 probe;      /* enum probe_kind */
	__u8 probes_out; /* unanswered before this one */
	__u8 pad;
	__u32 silent_ticks;
};

enum time_wait_change {
	TIME_WAIT_BEGIN = 0,   /* the minisock takes over */
	TIME_WAIT_EXPIRED = 1, /* its timer ended it */
	TIME_WAIT_KILLED = 2,  /* ended before its timer */
	TIME_WAIT_REUSED = 3,  /* a new SYN took the address pair over */
	TIME_WAIT_RESET = 4,   /* a reset ended it (RFC 1337) */
};

struct event_time_wait {
	struct event_header header;
	__u8 change;   /* enum time_wait_change */
	__u8 substate; /* FIN_WAIT2 or TIME_WAIT */
	__u8 pad[2];
	__u32 timeout_ticks; /* with TIME_WAIT_BEGIN */
};

struct event_accept {
	struct event_header header;
	__u32 uid;
	__u32 pad;
	char comm[EVENT_COMM_BYTES];
};

enum existing_source {
	EXISTING_FILE = 0,  /* iter/task_file: pid and descriptor are a holder */
	EXISTING_TCP = 1,   /* iter/tcp: also orphans, TIME_WAIT and SYN_RECV; no holder */
	EXISTING_NETNS = 2, /* no socket: iter/tcp has now listed the namespace tuple.netns whole */
};

/*
 * From rto_ticks on: appended in version 2, so an older recording of that version ends before it (recording.h), and
 * has_details is 0. What is told of a listener is 0 elsewhere, and the other way round.
 */
struct event_existing {
	struct event_header header; /* time_ns: when the iterator stood at this socket */
	__u8 state;
	__u8 substate; /* of a minisock, else 0 */
	__u8 family;
	__u8 source; /* enum existing_source */
	__u32 uid;
	struct event_tuple tuple;
	__u64 cgroup;
	__s32 descriptor; /* -1 without a file */
	__u32 unread_bytes;
	__u32 unacked_bytes;
	__u32 silent_ticks; /* as in struct event_close */
	__u32 user_timeout_ms;
	__u32 keepalive_idle_ticks; /* in force; 0 with keepalive off */
	__u32 keepalive_interval_ticks;
	char comm[EVENT_COMM_BYTES];
	__u8 keepalive_probes;
	__u8 retransmits; /* icsk_retransmits: consecutive, unanswered; as all below with has_details only */
	__u8 backoff;     /* icsk_backoff */
	__u8 probes_out;  /* icsk_probes_out: consecutive, unanswered */
	__u32 rto_ticks;
	__u32 sent_ticks;     /* since data was last sent; UINT32_MAX: never */
	__u32 received_ticks; /* since data was last received; UINT32_MAX: never */
	__u32 receive_window; /* what the peer may still send now */
	__u32 copied_seq;     /* moves when the process reads */
	__u32 accept_queue;   /* of a listener: connections that wait for accept() */
	__u32 accept_max;     /* of a listener: one more than so many are not taken in */
	__u32 syn_queue;      /* of a listener: handshakes under way */
	union {
		__u32 drops;       /* of a listener: segments that it had no room for, or refused */
		__u32 forked_from; /* of others: the process that the holder was forked from, without exec(); 0: none */
	};
	__u8 pending_timer; /* icsk_pending */
	__u8 retries;       /* in force for data, as `limit` in struct event_close */
	__u8 has_details;   /* 1: the members above are filled */
	__u8 pad;
};

#define EVENT_EXISTING_BYTES_SHORT 128 /* up to rto_ticks */

enum stack_call {
	STACK_CONNECT = 0,
	STACK_ACCEPT = 1,
};

enum frame_kind {
	FRAME_NONE = 0,    /* the stack is over */
	FRAME_FILE = 1,    /* place is an offset in the file with this build id */
	FRAME_ADDRESS = 2, /* place is an address: the kernel found no build id there */
};

/* As the kernel gives it: struct bpf_stack_build_id, linux/bpf.h. */
struct event_frame {
	__u32 kind; /* enum frame_kind */
	__u8 build_id[EVENT_BUILD_ID_BYTES];
	__u64 place;
};

/*
 * header.pid opened or accepted the connection. The innermost frame is the first; what is deeper than fits is cut.
 *
 * The kernel goes from frame pointer to frame pointer, and so passes over who called the innermost function where that
 * sets up no frame, as accept() and connect() of most C libraries do not. Its return address is among the words on top
 * of the stack; which one it is, the unwinding tables of the innermost function's file tell.
 */
struct event_stack {
	struct event_header header;
	__u8 call; /* enum stack_call */
	__u8 pad[7];
	__u64 address;                /* where the innermost frame stands in the process; 0: not known */
	__u64 tops[EVENT_STACK_TOPS]; /* from the stack pointer on; 0: cannot be a return address */
	struct event_frame frames[EVENT_FRAMES_MAX];
};

_Static_assert(sizeof(struct event_header) == 24, "event_header");
_Static_assert(sizeof(struct event_tuple) == 40, "event_tuple");
_Static_assert(sizeof(struct event_birth) == 120, "event_birth");
_Static_assert(sizeof(struct event_state) == 40, "event_state");
_Static_assert(sizeof(struct event_state_task) == 64, "event_state_task");
_Static_assert(sizeof(struct event_close) == 112, "event_close");
_Static_assert(sizeof(struct event_retransmit) == 40, "event_retransmit");
_Static_assert(sizeof(struct event_synack) == 80, "event_synack");
_Static_assert(sizeof(struct event_reset_sent) == 72, "event_reset_sent");
_Static_assert(sizeof(struct event_reset_received) == 40, "event_reset_received");
_Static_assert(sizeof(struct event_error) == 32, "event_error");
_Static_assert(sizeof(struct event_probe) == 32, "event_probe");
_Static_assert(sizeof(struct event_time_wait) == 32, "event_time_wait");
_Static_assert(sizeof(struct event_accept) == 48, "event_accept");
_Static_assert(sizeof(struct event_existing) == 168, "event_existing");
_Static_assert(sizeof(struct event_frame) == 32, "event_frame");
_Static_assert(sizeof(struct event_stack) == EVENT_MAX_BYTES, "event_stack");
_Static_assert(RESET_REASONS < 256, "a reason fits its byte");

/* ---- what the two sides share besides records ---------------------------------------------------- */

/* What happened to the events of one kind on one CPU: generated = delivered + lost + filtered. */
struct event_count {
	__u64 generated;
	__u64 lost;     /* the ring was full */
	__u64 filtered; /* the operator did not want it */
};

struct event_counts {
	struct event_count kind[EVENT_KINDS];
};

/*
 * Programs that stand more than once, so that none of their events goes missing when one interrupts another on
 * the same CPU; how and why is in bpf/copies.bpf.h.
 */
#define COPY_NOTES 8
#define TASK_NOTES 8192 /* tasks share some: a power of two */

enum program_pair {
	PAIR_STATE,
	PAIR_RESET_SENT,
	PAIR_RESET_RECEIVED,
	PAIR_RETRANSMIT, /* these only where there are more than two copies */
	PAIR_ERROR,
	PAIR_ACCEPT,
	PROGRAM_PAIRS,
};

/* What tells an event from all others that may be under way. */
struct copy_note {
	__u64 object;
	__u64 detail;
	__u64 taken;  /* 0: this place is free */
	__u32 pair;   /* enum program_pair */
	__u32 number; /* of all that were left there */
};

/* The same of what a task does, or of what interrupts it. */
struct task_note {
	__u64 object;
	__u64 detail;
	__u32 pair; /* enum program_pair */
	__u32 copy; /* the last one that has seen to it, from 1 on */
};

struct copy_notes {
	__u32 next; /* number of the next; where no place is free it overwrites one */
	__u32 pad;
	struct copy_note notes[COPY_NOTES];
};

/* What each CPU has for itself. */
struct cpu_state {
	struct event_counts counts;
	__u64 rescued[PROGRAM_PAIRS]; /* events that only a later copy got */
	struct copy_notes notes;      /* where programs run without interruption by other tasks */
};

/* What stands in programs for calls of kfuncs, whose numbers differ from kernel to kernel. No helper has these. */
enum kfunc_stand_in {
	KFUNC_PREEMPT_DISABLE = 0x6b660000,
	KFUNC_PREEMPT_ENABLE,
	KFUNC_LOCAL_IRQ_SAVE,
	KFUNC_LOCAL_IRQ_RESTORE,
	KFUNCS_END
};

/* The operator's filter, as far as it runs in the kernel. */
#define FILTER_NETNS_MAX   16
#define FILTER_CGROUPS_MAX 8
#define FILTER_PORTS_MAX   16

struct port_range {
	__u16 first; /* both ends included */
	__u16 last;
};

#endif
