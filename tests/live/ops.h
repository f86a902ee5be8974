/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ops.h: what an actor can be told to do. Each function runs in the actor's process, takes its
 * arguments from an array (given in the comment) and returns a result or -errno.
 *
 * Sockets are non-blocking; what waits does so for a condition, and for OP_WAIT_MS at most.
 */
#ifndef LIVE_OPS_H
#define LIVE_OPS_H

#define OP_WAIT_MS 60000

long op_socket(const long *v);           /* family: descriptor */
long op_bind(const long *v);             /* descriptor, family, end, port */
long op_listen(const long *v);           /* descriptor, backlog */
long op_connect(const long *v);          /* descriptor, family, end, port: starts only, -EINPROGRESS */
long op_connect_blocking(const long *v); /* descriptor, family, end, port */
long op_connect_self(const long *v);     /* descriptor, family, port: to itself over loopback */
long op_connect_nowhere(const long *v);  /* descriptor, family, address as text, port: starts only */
long op_connect_fast(const long *v);     /* descriptor, family, end, port: SYN with one byte of data */
long op_connected(const long *v);        /* descriptor: waits for what op_connect() started */
long op_accept(const long *v);           /* descriptor: waits, new descriptor */
long op_local_port(const long *v);       /* descriptor: port */
long op_cookie(const long *v);           /* descriptor: socket cookie */

long op_send(const long *v);        /* descriptor, bytes: sends all */
long op_fill(const long *v);        /* descriptor: sends until the buffer stays full, bytes */
long op_receive(const long *v);     /* descriptor, bytes: receives all of them */
long op_receive_end(const long *v); /* descriptor: receives up to the peer's FIN, bytes */
long op_wait_unread(const long *v); /* descriptor, bytes: waits until so many can be read */
long op_wait_error(const long *v);  /* descriptor: waits for the socket's error, errno */
long op_unsent(const long *v);      /* descriptor: bytes that were not acknowledged */

long op_option(const long *v);     /* descriptor, level, name, value */
long op_linger(const long *v);     /* descriptor, on, seconds */
long op_keepalive(const long *v);  /* descriptor, idle s, interval s, probes; 0 s: system default */
long op_shutdown(const long *v);   /* descriptor, how */
long op_disconnect(const long *v); /* descriptor: connect(AF_UNSPEC) */
long op_close(const long *v);      /* descriptor: milliseconds that it took */
long op_duplicate(const long *v);  /* descriptor: its duplicate */

long op_retransmitted(const long *v);    /* descriptor: retransmitted segments in all */
long op_peer_window(const long *v);      /* descriptor: bytes that the peer would take */
long op_send_sequence(const long *v);    /* descriptor: next sequence number to be sent */
long op_receive_sequence(const long *v); /* descriptor: next sequence number expected */

long op_exit(const long *v);             /* code: the actor exits */
long op_crash(const long *v);            /* the actor reads through a null pointer: SIGSEGV */
long op_exec(const long *v);             /* descriptor: closed on exec of sleep(1) */
long op_close_on_sigterm(const long *v); /* descriptor: SIGTERM makes the actor close it and exit */

#endif
