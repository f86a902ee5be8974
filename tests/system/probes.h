/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probes.h: what the tests of `lastack probe` have in common: two hosts, which are network namespaces of the test
 * joined by a veth; the keepalive settings of sockets; and how probe is run and read.
 */
#ifndef SYSTEM_PROBES_H
#define SYSTEM_PROBES_H

#include "net.h"
#include "system.h"

#define PEER_PORT 8200

/* Namespaces: of the test and what it probes, where the test is; and of the peers. */
extern int here, there;
extern const int peer_families[2];
extern char netns_word[16], state_dir[96];

void hosts_open(void);
/* The peers' host vanishes, and another comes up with its addresses, which knows nothing of connections of before. */
void peers_reboot(void);
/*
 * The peers' host has any address of 10.99.NET.HOST and fd99:0:0:NET::HOST, and one of its own. net is a number up to
 * 255, or one of these.
 */
#define PEER_ITSELF 256
#define PEER_ANY    257 /* to listen */
#define PEER_OURS   258 /* not theirs, but that of the host that is here */
socklen_t peer_address(struct sockaddr_storage *storage, int family, unsigned net, unsigned host, uint16_t port);
/* In the namespace that the caller is in, which should be the peers'. */
int peer_listen(int family, uint16_t port);
/* From here to there, accepted from that listener of theirs. */
struct pair peer_pair_at(int family, unsigned net, unsigned host, int listener, uint16_t port);
/* What the peers' host does with what it gets: "drop" makes them vanish, "counter" lets them come back. */
void peers_filter(const char *rules);
#define PEERS_VANISH() peers_filter("tcp dport 8200 drop")
struct pair peer_pair(int family);
/* Keepalive off by default, off with settings, on with settings; then those who wait for the other's end. */
#define PAIR_KINDS 5
struct pair pair_of_kind(int family, int kind);
/* The peer's host forgets the connection without a word. */
void peer_forgets(const struct pair *pair);

struct settings {
	int keepalive, idle_s, interval_s, count, user_timeout_ms;
};

int option_get(int fd, int level, int name);
struct settings settings_of(int fd);
void settings_give(int fd, int keepalive, int idle_s, int interval_s, int count);
void settings_equal(int fd, const struct settings *before);
int state_of(int fd);

#define probe_plan(program, ...)                                                                                       \
	lastack_plan(program, "probe", "-o", "json", "--netns", netns_word, "--state-dir", state_dir, ##__VA_ARGS__)
/* Starts it, waits for its end, and reads its lines; its exit status. */
int probe_lines(struct reports *lines, struct program *program);
const json_t *line_find(const struct reports *lines, uint64_t cookie);
void verdict_is(const struct reports *lines, uint64_t cookie, const char *verdict);
bool journal_exists(void);
/* Starts it, and waits until it has changed the socket. */
void probe_underway(struct program *lastack, const struct pair *pair);

#endif
