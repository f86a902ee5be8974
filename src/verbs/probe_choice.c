// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe_choice.c: see probe_choice.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "kernel/cgroups.h"
#include "verbs/probe_choice.h"

/* ---- what is asked for -------------------------------------------------------------------------------- */

static bool hex_read(const char *word, uint32_t *number)
{
	*number = 0;
	for (int i = 0; i < 8; i++) {
		char c = word[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		*number = *number << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return true;
}

/* A cookie is a number; an id is the first sequence numbers of both ends, client first. */
static int wish_read(struct probe_wish *wish, const char *word)
{
	char *end;

	*wish = (struct probe_wish){.word = word};
	if (strlen(word) == 17 && word[8] == '-' && hex_read(word, &wish->isn[0]) && hex_read(word + 9, &wish->isn[1]))
		return 0;
	if (word[0] < '0' || word[0] > '9')
		return -EINVAL;
	errno = 0;
	wish->cookie = strtoull(word, &end, 10);
	return *end || errno || !wish->cookie ? -EINVAL : 0;
}

static int address_read(const char *text, struct probe_address *address)
{
	if (text && inet_pton(AF_INET, text, address->bytes) == 1)
		address->family = 4;
	else if (text && inet_pton(AF_INET6, text, address->bytes) == 1)
		address->family = 6;
	return text && !address->family ? -EINVAL : 0;
}

static int cgroups_read(struct probe_choice *choice, const struct option_verb *verb)
{
	const struct report_filter *filter = &choice->options->pipeline.filter;
	struct cgroups *cgroups = filter->cgroup_count ? cgroups_open() : NULL;
	int status = 0;

	for (unsigned i = 0; i < filter->cgroup_count && !status; i++) {
		status = cgroups ? cgroups_id(cgroups, filter->cgroups[i], &choice->cgroups[i]) : -ENOENT;
		if (status)
			status = options_error(verb, filter->cgroups[i], strerror(-status));
	}
	choice->cgroup_count = filter->cgroup_count;
	cgroups_close(cgroups);
	return status;
}

int probe_choice_make(struct probe_choice *choice, const struct option_verb *verb, const struct probe_options *options,
		      char **words, size_t count)
{
	*choice = (struct probe_choice){.options = options, .wish_count = count};
	if (address_read(options->local, &choice->local))
		return options_error(verb, "--local", "not an IPv4 or IPv6 address");
	if (address_read(options->remote, &choice->remote))
		return options_error(verb, "--remote", "not an IPv4 or IPv6 address");
	choice->wishes = calloc(count + 1, sizeof(*choice->wishes));
	if (!choice->wishes)
		return options_error(verb, "out of memory", NULL);
	for (size_t i = 0; i < count; i++)
		if (wish_read(&choice->wishes[i], words[i]))
			return options_error(verb, words[i], "neither an id such as 575088c5-6b9588db nor a cookie");
	return cgroups_read(choice, verb);
}

void probe_choice_free(struct probe_choice *choice)
{
	free(choice->wishes);
	free(choice->holders);
	*choice = (struct probe_choice){0};
}

/* ---- who holds what ----------------------------------------------------------------------------------- */

static void holder_add(void *arg, const struct probe_holder *holder)
{
	struct probe_choice *choice = arg;

	if (choice->holder_count == choice->holder_room) {
		size_t room = choice->holder_room ? 2 * choice->holder_room : 256;
		struct probe_holder *grown = realloc(choice->holders, room * sizeof(*grown));

		if (!grown) {
			choice->failed = true;
			return;
		}
		choice->holders = grown;
		choice->holder_room = room;
	}
	choice->holders[choice->holder_count++] = *holder;
}

static int holder_compare(const void *a, const void *b)
{
	const struct probe_holder *one = a, *other = b;

	if (one->cookie != other->cookie)
		return one->cookie < other->cookie ? -1 : 1;
	return one->pid < other->pid ? -1 : one->pid > other->pid;
}

int probe_choice_look(struct probe_choice *choice, struct prober *prober)
{
	int status = prober_holders(prober, holder_add, choice);

	if (!status && choice->failed)
		status = -ENOMEM;
	if (choice->holder_count)
		qsort(choice->holders, choice->holder_count, sizeof(*choice->holders), holder_compare);
	return status;
}

static bool holder_is_wanted(const struct probe_choice *choice, const struct probe_holder *holder)
{
	const struct report_filter *filter = &choice->options->pipeline.filter;
	char comm[EVENT_COMM_BYTES + 1] = "";

	memcpy(comm, holder->comm, EVENT_COMM_BYTES);
	return number_wanted(filter->pids, filter->pid_count, holder->pid) &&
	       word_wanted(filter->comms, filter->comm_count, comm);
}

const struct probe_holder *probe_choice_holder(const struct probe_choice *choice, uint64_t cookie)
{
	size_t low = 0, high = choice->holder_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (choice->holders[middle].cookie < cookie)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < choice->holder_count && choice->holders[low].cookie == cookie; low++)
		if (holder_is_wanted(choice, &choice->holders[low]))
			return &choice->holders[low];
	return NULL;
}

/* ---- the choice --------------------------------------------------------------------------------------- */

static bool address_is_wanted(const struct probe_address *wanted, unsigned family, const uint8_t bytes[16])
{
	return !wanted->family ||
	       (wanted->family == family && !memcmp(wanted->bytes, bytes, family == 4 ? 4 : sizeof(wanted->bytes)));
}

static bool cgroup_is_wanted(const struct probe_choice *choice, uint64_t cgroup)
{
	for (unsigned i = 0; i < choice->cgroup_count; i++)
		if (choice->cgroups[i] == cgroup)
			return true;
	return !choice->cgroup_count;
}

static bool filter_wants(const struct probe_choice *choice, const struct probe_sample *sample)
{
	const struct probe_options *options = choice->options;
	const struct report_filter *filter = &options->pipeline.filter;
	const struct event_tuple *tuple = &sample->tuple;

	return (!filter->family || filter->family == sample->family) &&
	       (!options->states || options->states >> sample->state & 1) &&
	       port_wanted(&filter->local_ports, tuple->local_port) &&
	       port_wanted(&filter->remote_ports, tuple->remote_port) &&
	       number_wanted(filter->netns, filter->netns_count, tuple->netns) &&
	       address_is_wanted(&choice->local, sample->family, tuple->local) &&
	       address_is_wanted(&choice->remote, sample->family, tuple->remote) &&
	       cgroup_is_wanted(choice, sample->cgroup) &&
	       ((!filter->pid_count && !filter->comm_count) || probe_choice_holder(choice, sample->cookie));
}

/* Which end listened is not known: ours may begin one below. */
static bool wish_is_for(const struct probe_wish *wish, const struct probe_sample *sample)
{
	if (wish->cookie)
		return wish->cookie == sample->cookie;
	return (wish->isn[0] == sample->local_isn && wish->isn[1] == sample->remote_isn) ||
	       (wish->isn[0] == sample->remote_isn && wish->isn[1] == sample->local_isn - 1);
}

bool probe_choice_wants(struct probe_choice *choice, const struct probe_sample *sample, struct probe_wish **wish)
{
	*wish = NULL;
	for (size_t i = 0; i < choice->wish_count && !*wish; i++)
		if (wish_is_for(&choice->wishes[i], sample))
			*wish = &choice->wishes[i];
	if (choice->wish_count && !*wish)
		return false;
	if (!filter_wants(choice, sample))
		return false;
	if (*wish)
		(*wish)->found = true;
	return true;
}
