// SPDX-License-Identifier: GPL-2.0-only
/*
 * machine_words.c: see machine_words.h. Words only; of how they are laid out it knows nothing.
 */
#include "machine_words.h"

#include "event.h"

const uint8_t machine_life[MACHINE_LIFE_STATES] = {
	TCP_CLOSE,       TCP_LISTEN,     TCP_NEW_SYN_RECV, TCP_SYN_SENT, TCP_SYN_RECV,
	TCP_ESTABLISHED, TCP_FIN_WAIT1,  TCP_FIN_WAIT2,    TCP_CLOSING,  MACHINE_FIN_WAIT2_MINISOCK,
	TCP_TIME_WAIT,   TCP_CLOSE_WAIT, TCP_LAST_ACK,
};

static const struct machine_state_words states[MACHINE_STATES] = {
	[TCP_CLOSE] = {"CLOSED", "socket", "no connection: not yet, or no more"},
	[TCP_LISTEN] = {"LISTEN", "socket", "waits for SYNs; never becomes a connection itself"},
	[TCP_NEW_SYN_RECV] =
		{NULL, "request socket",
		 "a passive open until its last ACK: SYN received, SYN-ACK sent; no state change tells of it"},
	[TCP_SYN_SENT] = {"SYN-SENT", "socket", "connect() has sent a SYN"},
	[TCP_SYN_RECV] =
		{"SYN-RECEIVED", "socket",
		 "after a passive open the new child, for the moment in which it becomes ESTABLISHED; lasts only "
		 "with TCP Fast Open, simultaneous open and self-connect"},
	[TCP_ESTABLISHED] = {"ESTABLISHED", "socket", "open: data flows both ways"},
	[TCP_FIN_WAIT1] = {"FIN-WAIT-1", "socket", "we closed first: our FIN is not acknowledged yet"},
	[TCP_FIN_WAIT2] = {"FIN-WAIT-2", "socket", "our FIN is acknowledged, the peer's has not come"},
	[MACHINE_FIN_WAIT2_MINISOCK] = {NULL, "minisock",
					"FIN_WAIT2 that no process holds: a minisock waits for the peer's FIN"},
	[TCP_CLOSING] = {"CLOSING", "socket", "both FINs crossed: ours is not acknowledged yet"},
	[TCP_TIME_WAIT] = {"TIME-WAIT", "minisock", "both sides have closed: late segments are waited out"},
	[TCP_CLOSE_WAIT] = {"CLOSE-WAIT", "socket", "the peer closed first; the application has not closed yet"},
	[TCP_LAST_ACK] = {"LAST-ACK", "socket", "then we closed too: our FIN is not acknowledged yet"},
};

static const char *const kinds[] = {
	[INPUT_KIND_CALL] = "call",
	[INPUT_KIND_SEGMENT] = "segment",
	[INPUT_KIND_TIMER] = "timer",
	[INPUT_KIND_KERNEL] = "kernel",
};

static const char *const shown_names[] = {
	[SHOWN_STATE] = "state",
	[SHOWN_MINISOCK] = "minisock",
	[SHOWN_REQUEST] = "request",
};

static const char *const sign_texts[SIGN_INDICES][2] = {
#define SIGN_LINE(sign, name, words) [sign##_INDEX] = {name, words},
	MACHINE_SIGNS(SIGN_LINE)};

static const char *const sign_sources[SIGN_INDICES] = {
#define SIGN_SOURCE(sign, text) [SIGN_##sign##_INDEX] = text
	SIGN_SOURCE(LOCAL_CALL, "the transition's own event: the running task is the owner of the socket's lock"),
	SIGN_SOURCE(PEER_FIN, "the transition's own event: SOCK_DONE, which tcp_fin() sets"),
	SIGN_SOURCE(FIN_ACKED, "the transition's own event: snd_una is snd_nxt; for CLOSE also: no reset, no error"),
	SIGN_SOURCE(MINISOCK,
		    "from FIN_WAIT2 or CLOSING, an orphan or with the peer's FIN: no sk_err, no tcp_send_reset, no "
		    "tcp_receive_reset"),
	SIGN_SOURCE(RESET_RECEIVED, "tcp_receive_reset on this socket; for a minisock: what became of it"),
	SIGN_SOURCE(RESET_ANSWER, "tcp_send_reset on this socket or minisock, with the segment that it answers"),
	SIGN_SOURCE(
		TIMED_OUT,
		"sk_err ETIMEDOUT, or sk_err as sk_err_soft, with retransmissions or probes counted; in SYN_SENT and "
		"SYN_RECV without"),
	SIGN_SOURCE(ICMP,
		    "any other sk_err but ECONNABORTED, without tcp_receive_reset, in SYN_SENT or as sk_err_soft"),
	SIGN_SOURCE(ABORT_CALL,
		    "the file is in its last release, and SO_LINGER {1, 0} was set or bytes were unread; or the "
		    "reset's reason is TCP_ABORT_ON_CLOSE; or a socket of the kernel's own, without a file, "
		    "sent a reset"),
	SIGN_SOURCE(DISCONNECT,
		    "a task holds the lock, the file lives on, and a reset was sent (from CLOSING and LAST_ACK: "
		    "none need be)"),
	SIGN_SOURCE(DESTROYED, "sk_err ECONNABORTED, a task holds the lock, no tcp_receive_reset"),
	SIGN_SOURCE(REPAIR, "tcp_sock.repair"),
	SIGN_SOURCE(LISTENER_GONE, "tcp_send_reset that answers nothing, on a child that no process ever had"),
	SIGN_SOURCE(LIMIT,
		    "tcp_send_reset on an orphan with the reason TCP_ABORT_ON_MEMORY; on kernels without reasons "
		    "(before 6.10): one that answers nothing"),
	SIGN_SOURCE(LINGER2,
		    "TCP_LINGER2 < 0 and tcp_send_reset with the reason TCP_ABORT_ON_LINGER; on kernels without "
		    "reasons: one that answers nothing"),
	SIGN_SOURCE(SILENT_END,
		    "SOCK_DEAD, no task holds the lock, bytes unacknowledged, no sk_err, no tcp_send_reset, no "
		    "loss nearby"),
	SIGN_SOURCE(NO_SYN, "from SYN_SENT: a task holds the lock, the file lives on, no timer runs and nothing is in "
			    "flight"),
	SIGN_SOURCE(SELF, "the connection's addresses and ports"),
	SIGN_SOURCE(PASSIVE, "the connection was announced as a listener's child"),
	SIGN_SOURCE(FAST_OPEN, "LISTEN->SYN_RECV told by an event of its own, before the child's next transition"),
	SIGN_SOURCE(MPTCP, "tcp_send_reset with the reason MPTCP"),
	SIGN_SOURCE(SYNACK_TIMEOUT, "tcp_retransmit_synack as often as it may, and no child after it"),
	SIGN_SOURCE(TIMER_ENDED, "the minisock's timer function ran"),
	SIGN_SOURCE(REUSED, "a connection began with the minisock's address pair"),
	SIGN_SOURCE(NOTHING_LOST, "no loss was counted nearby, and the socket had not just been listed"),
};

const struct machine_state_words *machine_state_words(uint8_t state)
{
	return &states[state];
}

const char *machine_input_kind_name(enum machine_input_kind kind)
{
	return kinds[kind];
}

const char *machine_shown_name(enum machine_shown shown)
{
	return shown_names[shown];
}

const char *machine_sign_name(unsigned index)
{
	return sign_texts[index][0];
}

const char *machine_sign_words(unsigned index)
{
	return sign_texts[index][1];
}

const char *machine_sign_source(unsigned index)
{
	return sign_sources[index];
}
