/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor.c: see monitor.h. Listing sockets is in monitor_list.c.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/features.h"
#include "kernel/kfuncs.h"
#include "kernel/monitor_internal.h"
#include "kernel/types.h"

static void settings_fill(struct monitor *monitor, const struct monitor_config *config,
			  const struct kernel_types *types)
{
	struct lastack_bpf__rodata *settings = monitor->skeleton->rodata;
	const struct monitor_filter *filter = &config->filter;

	settings->ticks_per_second = (uint32_t)(1000000000 / feature_tick_ns());
	settings->wake_fill_bytes = monitor->ring_bytes / 4;
	settings->want_stray_resets = config->stray_resets;
	feature_reset_reasons(types->btf, (uint8_t *)settings->reset_reason_map, sizeof(settings->reset_reason_map));
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
static void programs_select(struct monitor *monitor, const struct kernel_types *types)
{
	struct bpf_program *program;

	bpf_object__for_each_program (program, monitor->skeleton->obj)
		bpf_program__set_autoload(program, false);
	for (size_t i = 0; i < monitor->choice_count; i++) {
		const struct hook_option *option = monitor->choices[i].option;

		for (size_t k = 0; option && k < HOOK_PROGRAMS_MAX && option->programs[k]; k++) {
			program = bpf_object__find_program_by_name(monitor->skeleton->obj, option->programs[k]);
			bpf_program__set_autoload(program, true);
			kfuncs_put(program, types->btf);
		}
	}
	bpf_program__set_autoload(monitor->skeleton->progs.own_socket_read, monitor->skeleton->rodata->raw_reads);
}

/* Returns when every program that runs now on any CPU has come to its end: synchronize_rcu(). */
static void programs_wait(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

static int programs_attach(struct monitor *monitor, char *why, size_t size)
{
	struct bpf_program *program;

	bpf_object__for_each_program (program, monitor->skeleton->obj) {
		struct bpf_link *link;

		if (!bpf_program__autoload(program) || bpf_program__expected_attach_type(program) == BPF_TRACE_ITER ||
		    program == monitor->skeleton->progs.own_socket_read)
			continue;
		link = bpf_program__attach(program);
		if (!link) {
			int status = -errno;

			snprintf(why, size, "attaching %s: %s", bpf_program__name(program), strerror(errno));
			return status;
		}
		monitor->links[monitor->link_count++] = link;
	}
	monitor->skeleton->bss->pairs_noted = true;
	programs_wait();
	monitor->skeleton->bss->pairs_ready = true;
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
	if (kernel_is_locked_down()) {
		snprintf(why, size,
			 "the kernel is locked down (confidentiality): BPF may not read kernel memory; "
			 "boot with lockdown=integrity or none");
		return -EOPNOTSUPP; /* whatever the verifier made of a helper that is missing */
	}
	if (status == -EPERM)
		snprintf(why, size, "no permission to use BPF: run as root, or grant CAP_BPF and CAP_PERFMON%s%s",
			 monitor_complaint()[0] ? "; " : "", monitor_complaint());
	else
		snprintf(why, size, "loading: %s%s%s%s", strerror(-status), monitor_complaint()[0] ? " (" : "",
			 monitor_complaint(), monitor_complaint()[0] ? ")" : "");
	return status;
}

static int hooks_check(const struct monitor *monitor, char *why, size_t size)
{
	for (size_t i = 0; i < monitor->choice_count; i++) {
		const struct hook_choice *choice = &monitor->choices[i];

		if (choice->option || choice->hook->need != HOOK_REQUIRED)
			continue;
		snprintf(why, size, "no hook for %s: %s", choice->hook->fact, choice->refused);
		return -EOPNOTSUPP;
	}
	return 0;
}

/* Together about this much, but each enough for a burst. */
#define RINGS_BYTES    (16U << 20)
#define RING_BYTES_MIN (1U << 20)

static uint32_t ring_bytes_choose(const struct monitor *monitor, const struct monitor_config *config)
{
	uint32_t bytes = RINGS_BYTES, page_bytes = (uint32_t)sysconf(_SC_PAGESIZE); /* 64 KiB on some */

	if (config->ring_bytes)
		return config->ring_bytes > page_bytes ? config->ring_bytes : page_bytes;
	while (bytes > RING_BYTES_MIN && bytes > RINGS_BYTES / (uint32_t)monitor->cpus)
		bytes /= 2;
	return bytes;
}

static bool cpu_is_online(int cpu)
{
	char path[64], state = '1';
	FILE *file;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	file = fopen(path, "re");
	if (!file) { /* a CPU that cannot be unplugged has no such file, one that was never there no directory either */
		*strrchr(path, '/') = '\0';
		return !access(path, F_OK);
	}
	if (fread(&state, 1, 1, file) != 1)
		state = '1';
	fclose(file);
	return state == '1';
}

static int ring_create(struct monitor *monitor)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET}; /* level: any unread record would wake */
	int map = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "lastack_ring", 0, 0, monitor->ring_bytes, NULL);

	if (map < 0)
		return map;
	monitor->ring_maps[monitor->ring_count++] = map;
	event.data.fd = map;
	return epoll_ctl(monitor->epoll, EPOLL_CTL_ADD, map, &event) ? -errno : 0;
}

/* One ring for each CPU that is online. The first is also the pattern that the verifier goes by. */
static int rings_create(struct monitor *monitor)
{
	int status = 0;

	monitor->epoll = epoll_create1(EPOLL_CLOEXEC);
	monitor->ring_maps = calloc((size_t)monitor->cpus, sizeof(*monitor->ring_maps));
	monitor->ring_of_cpu = calloc((size_t)monitor->cpus, sizeof(*monitor->ring_of_cpu));
	if (monitor->epoll < 0 || !monitor->ring_maps || !monitor->ring_of_cpu)
		return -ENOMEM;
	for (int cpu = 0; cpu < monitor->cpus && !status; cpu++) {
		if (!cpu_is_online(cpu) && monitor->ring_count)
			continue; /* if it is plugged in later it shares the first */
		monitor->ring_of_cpu[cpu] = monitor->ring_count;
		status = ring_create(monitor);
	}
	if (!status)
		status = bpf_map__set_inner_map_fd(monitor->skeleton->maps.rings, monitor->ring_maps[0]);
	return status ? status : bpf_map__set_max_entries(monitor->skeleton->maps.rings, (uint32_t)monitor->cpus);
}

static int rings_install(struct monitor *monitor)
{
	int outer = bpf_map__fd(monitor->skeleton->maps.rings), status = 0;

	for (int cpu = 0; cpu < monitor->cpus && !status; cpu++)
		status = bpf_map_update_elem(outer, &cpu, &monitor->ring_maps[monitor->ring_of_cpu[cpu]], 0);
	return status ? status
		      : rings_open(&monitor->rings, monitor->ring_maps, monitor->ring_count, monitor->ring_bytes);
}

static int monitor_load(struct monitor *monitor, const struct monitor_config *config, const struct kernel_types *types,
			char *why, size_t size)
{
	int status;

	monitor->choice_count = hooks_choose(types, config->tier, config->stacks, monitor->choices);
	status = hooks_check(monitor, why, size);
	if (status)
		return status;
	monitor->skeleton = types_skeleton(types);
	if (!monitor->skeleton)
		return load_failed(-errno, why, size);
	monitor->ring_bytes = ring_bytes_choose(monitor, config);
	status = rings_create(monitor);
	if (status)
		return load_failed(status, why, size);
	settings_fill(monitor, config, types);
	programs_select(monitor, types);
	if (hooks_keep_cpu(types))
		bpf_map__set_max_entries(monitor->skeleton->maps.task_notes, 2 * TASK_NOTES);
	status = lastack_bpf__load(monitor->skeleton);
	if (!status && !monitor->skeleton->bss) /* libbpf takes a first small map that is refused for an old kernel */
		status = -ENOMEM;
	if (status) {
		status = load_failed(status, why, size);
		/* Most likely what is read is not as the file says. */
		return types->file && (status == -EINVAL || status == -EACCES) ? TYPES_UNFIT : status;
	}
	status = rings_install(monitor);
	if (status)
		return load_failed(status, why, size);
	status = types->file ? types_verify(monitor->skeleton, why, size) : 0;
	if (status)
		return status;
	return programs_attach(monitor, why, size);
}

int monitor_open(struct monitor **result, const struct monitor_config *config, char *why, size_t size)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));
	struct kernel_types types;
	int status;

	if (!monitor)
		return -ENOMEM;
	monitor_complaint_clear();
	status = types_open(&types, config->types, why, size);
	if (status) {
		free(monitor);
		return status;
	}
	monitor->cpus = libbpf_num_possible_cpus();
	monitor->epoll = -1;
	monitor->states = calloc((size_t)monitor->cpus, sizeof(*monitor->states));
	status = monitor->states ? monitor_load(monitor, config, &types, why, size) : -ENOMEM;
	types_close(&types);
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
	if (monitor->link_count)
		programs_wait();
	monitor->link_count = 0;
}

void monitor_close(struct monitor *monitor)
{
	if (!monitor)
		return;
	monitor_detach(monitor);
	rings_close(monitor->rings);
	for (uint32_t i = 0; i < monitor->ring_count; i++)
		close(monitor->ring_maps[i]);
	free(monitor->ring_maps);
	free(monitor->ring_of_cpu);
	if (monitor->epoll >= 0)
		close(monitor->epoll);
	lastack_bpf__destroy(monitor->skeleton);
	free(monitor->states);
	free(monitor);
}

int monitor_fd(const struct monitor *monitor)
{
	return monitor->epoll;
}

uint32_t monitor_consume(struct monitor *monitor, uint64_t until_ns, uint32_t limit, monitor_event_fn event, void *arg)
{
	return rings_consume(monitor->rings, until_ns, limit, event, arg);
}

/*
 * How often the kernel did not run a program because it had interrupted the same program on that CPU
 * (__bpf_trace_run()). 0 where the kernel does not count it (before 5.12).
 */
static uint64_t program_misses(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (!bpf_program__autoload(program) || bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
		return 0;
	return info.recursion_misses;
}

/*
 * The kind that a program's skipped runs would most likely have told, and its pair if it has copies. Those that take
 * stacks are not here: they have work in a task's context only, and what interrupts that is none of theirs.
 */
static const struct program_kind {
	const char *prefix;
	enum event_kind kind;
	int pair; /* -1: stands alone everywhere */
} program_kinds[] = {
	{"state_change", EVENT_STATE, PAIR_STATE},
	{"retransmit_synack", EVENT_RETRANSMIT_SYNACK, -1},
	{"retransmit_", EVENT_RETRANSMIT, PAIR_RETRANSMIT},
	{"reset_sent", EVENT_RESET_SENT, PAIR_RESET_SENT},
	{"reset_received", EVENT_RESET_RECEIVED, PAIR_RESET_RECEIVED},
	{"error_", EVENT_ERROR, PAIR_ERROR},
	{"accept_", EVENT_ACCEPT, PAIR_ACCEPT},
	{"oom_", EVENT_OOM_KILL, -1},
	{"time_wait_", EVENT_TIME_WAIT, -1},
	{"probe_", EVENT_PROBE, -1},
	{"timer_", EVENT_TIME_WAIT, -1},
};

static uint64_t misses_certain(struct monitor *monitor, int pair, uint64_t skipped)
{
	uint64_t certain = pair_skips_certain(&monitor->skips[pair], skipped, feature_monotonic_ns());

	monitor->skips_uncertain |= certain != skipped;
	return certain;
}

static bool is_later_copy(const char *name)
{
	return strstr(name, "_second") || strstr(name, "_third") || strstr(name, "_fourth");
}

static bool has_copies(const char *name, const struct program_kind *kind)
{
	return kind->pair >= 0 && (kind->pair < PAIR_RETRANSMIT || strstr(name, "_whole"));
}

/* Skipped runs are generated and lost, unless a later copy got the event. */
static void misses_add(struct monitor *monitor, const uint64_t rescued[PROGRAM_PAIRS], struct event_counts *counts)
{
	struct bpf_program *program;

	bpf_object__for_each_program (program, monitor->skeleton->obj) {
		const char *name = bpf_program__name(program);
		uint64_t misses = program_misses(program);

		if (!bpf_program__autoload(program) || is_later_copy(name))
			continue; /* skipped as well: it works only for others that were */
		for (size_t i = 0; i < sizeof(program_kinds) / sizeof(program_kinds[0]); i++) {
			const struct program_kind *kind = &program_kinds[i];

			if (strncmp(name, kind->prefix, strlen(kind->prefix)))
				continue;
			if (has_copies(name, kind)) { /* read a moment apart: never below zero */
				misses -= rescued[kind->pair] < misses ? rescued[kind->pair] : misses;
				if (monitor->link_count) /* else no program runs any more */
					misses = misses_certain(monitor, kind->pair, misses);
			}
			counts->kind[kind->kind].generated += misses;
			counts->kind[kind->kind].lost += misses;
			break;
		}
	}
}

int monitor_counts(struct monitor *monitor, struct event_counts *counts)
{
	uint64_t rescued[PROGRAM_PAIRS] = {0};
	uint32_t zero = 0;
	int status;

	status = bpf_map_lookup_elem(bpf_map__fd(monitor->skeleton->maps.cpu_states), &zero, monitor->states);
	if (status)
		return status;
	memset(counts, 0, sizeof(*counts));
	monitor->skips_uncertain = false;
	for (int cpu = 0; cpu < monitor->cpus; cpu++) {
		for (size_t kind = 0; kind < EVENT_KINDS; kind++) {
			const struct event_count *count = &monitor->states[cpu].counts.kind[kind];

			counts->kind[kind].generated += count->generated;
			counts->kind[kind].lost += count->lost;
			counts->kind[kind].filtered += count->filtered;
		}
		for (size_t pair = 0; pair < PROGRAM_PAIRS; pair++)
			rescued[pair] += monitor->states[cpu].rescued[pair];
	}
	misses_add(monitor, rescued, counts);
	return 0;
}

bool monitor_losses_are_certain(const struct monitor *monitor)
{
	return !monitor->skips_uncertain;
}

const struct hook_choice *monitor_hooks(const struct monitor *monitor, size_t *count)
{
	*count = monitor->choice_count;
	return monitor->choices;
}
