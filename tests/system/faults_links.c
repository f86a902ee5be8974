/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * faults_links.c: what others may do to what lastack has in the kernel: detach its links, and interrupt its listings.
 */
#include "net.h"
#include "system.h"

#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PORT 8350

/* ---- links ------------------------------------------------------------------------------------------ */

static int bpf_call(enum bpf_cmd command, union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static unsigned link_id_of(pid_t pid, const char *fd)
{
	char path[320], line[128];
	unsigned id = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", (int)pid, fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "link_id: %u", &id);
	if (file)
		fclose(file);
	return id;
}

typedef void (*link_fn)(unsigned id, unsigned *sum);

/* How many links the process holds; each may add to a sum. */
static unsigned links_of(pid_t pid, link_fn each, unsigned *sum)
{
	unsigned links = 0;
	struct dirent *entry;
	char path[64];
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	fds = opendir(path);
	while (fds && (entry = readdir(fds))) {
		unsigned id = link_id_of(pid, entry->d_name);

		links += id != 0;
		if (id && each)
			each(id, sum);
	}
	if (fds)
		closedir(fds);
	return links;
}

static void link_detach_try(unsigned id, unsigned *detached)
{
	union bpf_attr attributes = {.link_id = id};
	int fd = bpf_call(BPF_LINK_GET_FD_BY_ID, &attributes), status;

	CHECK(fd >= 0, "link %u: %s", id, strerror(errno));
	attributes = (union bpf_attr){.link_detach = {.link_fd = (uint32_t)fd}};
	status = bpf_call(BPF_LINK_DETACH, &attributes);
	CHECK(!status || errno == EOPNOTSUPP, "BPF_LINK_DETACH: %s", strerror(errno));
	close(fd);
	*detached += !status;
}

/*
 * Links of tracepoint programs have no way to be detached by others: the kernel refuses it (raw_tracepoint and tracing
 * links have no detach operation). Nothing is pinned that could be removed. If a kernel ever allows it, this fails, and
 * what lastack says then (`audit`: more in the kernel than was seen) has to be tested.
 */
static void link_detach(void)
{
	unsigned links, detached = 0;
	struct program lastack;
	struct reports reports;
	struct pair pair;

	netns_enter_new();
	lastack_start(&lastack, "live", "-o", "json", "--settle", "0");
	reports_open(&reports, lastack.output);
	links = links_of(lastack.pid, link_detach_try, &detached);
	CHECK(links >= 5 && !detached, "%u of %u links were detached by somebody else", detached, links);
	pair = pair_open(AF_INET, tcp_listen(AF_INET, PORT), PORT);
	pair_close(&pair);
	report_await(&reports, pair.client_cookie);
	lastack_stop(&lastack);
	test_note("%u links, the kernel lets nobody else detach one", links);
}

/* ---- signals during a listing ----------------------------------------------------------------------- */

#define LISTED   1500
#define ATTACHED 5 /* links, after which loading is over: the kernel gives that up under so many signals */

static void listing_interrupted(void)
{
	unsigned signals = 0, listed = 0;
	struct program lastack;
	char netns[16], *text;
	int listener;

	netns_enter_new();
	snprintf(netns, sizeof(netns), "%u", netns_inode());
	listener = tcp_listen(AF_INET, PORT);
	for (int i = 0; i < LISTED; i++)
		pair_open(AF_INET, listener, PORT);
	lastack_plan(&lastack, "live", "--netns", netns);
	program_start(&lastack);
	CHECK(BECOMES_TRUE(program_ended(&lastack) || links_of(lastack.pid, NULL, NULL) >= ATTACHED), "no links");
	while (!program_ended(&lastack) && !text_has(lastack.errors, "watching;") && signals < 20000) {
		kill(lastack.pid, SIGSTOP);
		kill(lastack.pid, SIGCONT);
		kill(lastack.pid, SIGWINCH);
		pause_ms(1);
		signals += 3;
	}
	lastack_await(&lastack);
	text = text_of(lastack.errors);
	CHECK(sscanf(text, "lastack: live: watching; %u connections", &listed) == 1 && listed == 2 * LISTED,
	      "%u connections exist; %s", 2 * LISTED, text);
	lastack_stop(&lastack);
	test_note("%u connections listed under %u signals", listed, signals);
}

const struct test fault_link_tests[] = {
	{"faults_link_detach", link_detach},
	{"faults_listing_interrupted", listing_interrupted},
	{0},
};
