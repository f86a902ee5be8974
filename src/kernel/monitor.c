/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor.c: see monitor.h. Listing sockets is in monitor_list.c.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/features.h"
#include "kernel/monitor_internal.h"

/* The first complaint of libbpf is the one that explains; what follows only reports the consequences. */
static char libbpf_complaint[256];

static int libbpf_keep_complaint(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_WARN && !libbpf_complaint[0]) {
		vsnprintf(libbpf_complaint, sizeof(libbpf_complaint), format, arguments);
		libbpf_complaint[strcspn(libbpf_complaint, "\n")] = '\0';
	}
	return 0;
}

static void settings_fill(struct monitor *monitor, const struct monitor_config *config, const struct btf *btf)
{
	struct lastack_bpf__rodata *settings = monitor->skeleton->rodata;
	const struct monitor_filter *filter = &config->filter;

	settings->has_cookie_helper = feature_function(btf, "bpf_get_socket_ptr_cookie") >= 0;
	settings->wake_fill_bytes = config->ring_bytes / 4;
	settings->want_stray_resets = config->stray_resets;
	feature_reset_reasons(btf, (uint8_t *)settings->reset_reason_map, sizeof(settings->reset_reason_map));
	settings->filter_family = filter->family;
	settings->filter_netns_count = filter->netns_count;
	settings->filter_cgroup_count = filter->cgroup_count;
	settings->filter_local_port_count = filter->local_port_count;
	settings->filter_remote_port_count = filter->remote_port_count;
	memcpy((void *)settings->filter_netns, filter->netns, sizeof(filter->netns));
	memcpy((void *)settings->filter_cgroup, filter->cgroup, sizeof(filter->cgroup));
	memcpy((void *)settings->filter_local_port, filter->local_port, sizeof(filter->local_port));
	memcpy((void *)settings->filter_remote_port, filter->remote_port, sizeof(filter->remote_port));
	/* The other two timers are learnt from the first socket; a TIME_WAIT may be long in coming. */
	monitor->skeleton->bss->time_wait_timer_function = feature_address("tw_timer_handler");
}

/* Loads only what was chosen. Two hooks may share a program. */
static void programs_select(struct monitor *monitor)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, monitor->skeleton->obj)
		bpf_program__set_autoload(program, false);
	for (size_t i = 0; i < monitor->choice_count; i++) {
		const struct hook_option *option = monitor->choices[i].option;

		for (size_t k = 0; option && k < HOOK_PROGRAMS_MAX && option->programs[k]; k++) {
			program = bpf_object__find_program_by_name(monitor->skeleton->obj, option->programs[k]);
			bpf_program__set_autoload(program, true);
		}
	}
}

static int programs_attach(struct monitor *monitor, char *why, size_t size)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, monitor->skeleton->obj) {
		struct bpf_link *link;

		if (!bpf_program__autoload(program) || bpf_program__expected_attach_type(program) == BPF_TRACE_ITER)
			continue;
		link = bpf_program__attach(program);
		if (!link) {
			int status = -errno;

			snprintf(why, size, "attaching %s: %s", bpf_program__name(program), strerror(errno));
			return status;
		}
		monitor->links[monitor->link_count++] = link;
	}
	return 0;
}

static bool kernel_is_locked_down(void)
{
	char line[128] = "";
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	return strstr(line, "[confidentiality]");
}

static int load_failed(int status, char *why, size_t size)
{
	if (kernel_is_locked_down())
		snprintf(why, size, "the kernel is locked down (confidentiality): BPF may not read kernel memory; "
				    "boot with lockdown=integrity or none");
	else if (status == -EPERM)
		snprintf(why, size, "no permission to use BPF: run as root, or grant CAP_BPF and CAP_PERFMON (%s)",
			 libbpf_complaint);
	else
		snprintf(why, size, "loading: %s (%s)", strerror(-status), libbpf_complaint);
	return status;
}

static int hooks_check(const struct monitor *monitor, char *why, size_t size)
{
	for (size_t i = 0; i < monitor->choice_count; i++) {
		const struct hook_choice *choice = &monitor->choices[i];

		if (choice->option || !choice->hook->required)
			continue;
		snprintf(why, size, "no hook for %s: %s", choice->hook->fact, choice->refused);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int monitor_load(struct monitor *monitor, const struct monitor_config *config, const struct btf *btf,
			char *why, size_t size)
{
	int status;

	monitor->choice_count = hooks_choose(btf, config->tier, monitor->choices);
	status = hooks_check(monitor, why, size);
	if (status)
		return status;
	monitor->skeleton = lastack_bpf__open();
	if (!monitor->skeleton)
		return load_failed(-errno, why, size);
	bpf_map__set_max_entries(monitor->skeleton->maps.events, config->ring_bytes);
	settings_fill(monitor, config, btf);
	programs_select(monitor);
	status = lastack_bpf__load(monitor->skeleton);
	if (status)
		return load_failed(status, why, size);
	monitor->ring = ring_buffer__new(bpf_map__fd(monitor->skeleton->maps.events), monitor_sample, monitor, NULL);
	if (!monitor->ring)
		return load_failed(-errno, why, size);
	return programs_attach(monitor, why, size);
}

int monitor_open(struct monitor **result, const struct monitor_config *config, char *why, size_t size)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));
	struct btf *btf;
	int status;

	if (!monitor)
		return -ENOMEM;
	libbpf_complaint[0] = '\0';
	libbpf_set_print(libbpf_keep_complaint);
	btf = btf__load_vmlinux_btf();
	if (!btf) {
		snprintf(why, size, "this kernel has no BTF (/sys/kernel/btf/vmlinux): it needs CONFIG_DEBUG_INFO_BTF=y, "
				    "which Debian's kernels since 5.10 have");
		free(monitor);
		return -EOPNOTSUPP;
	}
	monitor->cpus = libbpf_num_possible_cpus();
	monitor->counts = calloc((size_t)monitor->cpus, sizeof(*monitor->counts));
	status = monitor->counts ? monitor_load(monitor, config, btf, why, size) : -ENOMEM;
	btf__free(btf);
	if (status) {
		monitor_close(monitor);
		return status;
	}
	*result = monitor;
	return 0;
}

void monitor_detach(struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->link_count; i++)
		bpf_link__destroy(monitor->links[i]);
	monitor->link_count = 0;
}

void monitor_close(struct monitor *monitor)
{
	if (!monitor)
		return;
	monitor_detach(monitor);
	ring_buffer__free(monitor->ring);
	lastack_bpf__destroy(monitor->skeleton);
	free(monitor->counts);
	free(monitor);
}

int monitor_fd(const struct monitor *monitor)
{
	return ring_buffer__epoll_fd(monitor->ring);
}

int monitor_sample(void *context, void *data, size_t size)
{
	struct monitor *monitor = context;

	(void)size; /* the kernel side is ours: its sizes are asserted at compile time */
	monitor->event(monitor->arg, data);
	return ++monitor->consumed < monitor->limit ? 0 : -ECANCELED;
}

int monitor_consume(struct monitor *monitor, monitor_event_fn event, void *arg, uint32_t limit)
{
	int status;

	monitor->event = event;
	monitor->arg = arg;
	monitor->limit = limit;
	monitor->consumed = 0;
	status = ring_buffer__consume(monitor->ring);
	return status < 0 && status != -ECANCELED ? status : (int)monitor->consumed;
}

/* The kind that a program's skipped runs would most likely have told. */
static enum event_kind kind_of_program(const char *name)
{
	static const struct {
		const char *prefix;
		enum event_kind kind;
	} kinds[] = {
		{"state_", EVENT_STATE}, {"retransmit_synack", EVENT_RETRANSMIT_SYNACK}, {"retransmit_", EVENT_RETRANSMIT},
		{"reset_sent", EVENT_RESET_SENT}, {"reset_received", EVENT_RESET_RECEIVED}, {"error_", EVENT_ERROR},
		{"accept", EVENT_ACCEPT}, {"oom", EVENT_OOM_KILL}, {"time_wait", EVENT_TIME_WAIT},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)))
			return kinds[i].kind;
	return EVENT_PROBE;
}

/* A program that interrupts itself on one CPU is not run (__bpf_trace_run()); the kernel counts that. */
static void misses_add(const struct monitor *monitor, struct event_counts *counts)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, monitor->skeleton->obj) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);
		struct event_count *count;

		if (!bpf_program__autoload(program) || bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
			continue;
		count = &counts->kind[kind_of_program(bpf_program__name(program))];
		count->generated += info.recursion_misses;
		count->lost += info.recursion_misses;
	}
}

int monitor_counts(const struct monitor *monitor, struct event_counts *counts)
{
	uint32_t zero = 0;
	int status;

	status = bpf_map_lookup_elem(bpf_map__fd(monitor->skeleton->maps.event_counters), &zero, monitor->counts);
	if (status)
		return status;
	memset(counts, 0, sizeof(*counts));
	for (int cpu = 0; cpu < monitor->cpus; cpu++) {
		for (size_t kind = 0; kind < EVENT_KINDS; kind++) {
			counts->kind[kind].generated += monitor->counts[cpu].kind[kind].generated;
			counts->kind[kind].lost += monitor->counts[cpu].kind[kind].lost;
			counts->kind[kind].filtered += monitor->counts[cpu].kind[kind].filtered;
		}
	}
	misses_add(monitor, counts);
	return 0;
}

const struct hook_choice *monitor_hooks(const struct monitor *monitor, size_t *count)
{
	*count = monitor->choice_count;
	return monitor->choices;
}
