/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * features.c: see features.h.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "monotonic.h"
#include "event.h"
#include "kernel/features.h"

static int prototype_arguments(const struct btf *btf, uint32_t type_id)
{
	const struct btf_type *type = btf__type_by_id(btf, type_id);

	return type && btf_is_func_proto(type) ? btf_vlen(type) : -ENOENT;
}

int feature_tracepoint_arguments(const struct btf *btf, const char *tracepoint)
{
	const struct btf_type *type;
	char name[128];
	int id, count;

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return -ENOENT;
	/* typedef -> pointer -> prototype, whose first argument is the tracepoint's own */
	type = btf__type_by_id(btf, btf__type_by_id(btf, id)->type);
	count = prototype_arguments(btf, type->type);
	return count > 0 ? count - 1 : -ENOENT;
}

int feature_function(const struct btf *btf, const char *function)
{
	int id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);

	return id < 0 ? -ENOENT : id;
}

int feature_function_arguments(const struct btf *btf, const char *function)
{
	int id = feature_function(btf, function);

	return id < 0 ? id : prototype_arguments(btf, btf__type_by_id(btf, id)->type);
}

bool feature_cookie_helper(const struct btf *btf)
{
	return feature_function(btf, "bpf_get_socket_ptr_cookie") >= 0;
}

/*
 * Since 7.0 (a46023d5616e): what guards a tracepoint's programs is tracepoint_srcu, and no longer preemption that is
 * off. Up to 6.12 something else had that name.
 */
bool feature_tracepoints_preemptible(const struct btf *btf)
{
	return btf__find_by_name_kind(btf, "tracepoint_srcu_srcu_data", BTF_KIND_VAR) >= 0 &&
	       feature_function(btf, "bpf_local_irq_save") >= 0;
}

/* The kernel's names without SK_RST_REASON_. */
static const struct {
	const char *name;
	enum reset_reason reason;
} reason_names[] = {
	{"NOT_SPECIFIED", RESET_REASON_NOT_SPECIFIED},
	{"NO_SOCKET", RESET_REASON_NO_SOCKET},
	{"TCP_INVALID_ACK_SEQUENCE", RESET_REASON_INVALID_ACK_SEQUENCE},
	{"TCP_RFC7323_PAWS", RESET_REASON_PAWS},
	{"TCP_TOO_OLD_ACK", RESET_REASON_TOO_OLD_ACK},
	{"TCP_ACK_UNSENT_DATA", RESET_REASON_ACK_UNSENT_DATA},
	{"TCP_FLAGS", RESET_REASON_FLAGS},
	{"TCP_OLD_ACK", RESET_REASON_OLD_ACK},
	{"TCP_ABORT_ON_DATA", RESET_REASON_ABORT_ON_DATA},
	{"TCP_TIMEWAIT_SOCKET", RESET_REASON_TIMEWAIT_SOCKET},
	{"INVALID_SYN", RESET_REASON_INVALID_SYN},
	{"TCP_ABORT_ON_CLOSE", RESET_REASON_ABORT_ON_CLOSE},
	{"TCP_ABORT_ON_LINGER", RESET_REASON_ABORT_ON_LINGER},
	{"TCP_ABORT_ON_MEMORY", RESET_REASON_ABORT_ON_MEMORY},
	{"TCP_STATE", RESET_REASON_STATE},
	{"TCP_KEEPALIVE_TIMEOUT", RESET_REASON_KEEPALIVE_TIMEOUT},
	{"TCP_DISCONNECT_WITH_DATA", RESET_REASON_DISCONNECT_WITH_DATA},
	{"ERROR", RESET_REASON_ERROR},
};

static enum reset_reason reason_of_name(const char *name)
{
	static const char prefix[] = "SK_RST_REASON_";

	if (strncmp(name, prefix, sizeof(prefix) - 1))
		return RESET_REASON_OTHER;
	name += sizeof(prefix) - 1;
	for (size_t i = 0; i < sizeof(reason_names) / sizeof(reason_names[0]); i++)
		if (!strcmp(name, reason_names[i].name))
			return reason_names[i].reason;
	return strncmp(name, "MPTCP_", 6) ? RESET_REASON_OTHER : RESET_REASON_MPTCP;
}

void feature_reset_reasons(const struct btf *btf, uint8_t *map, size_t size)
{
	int id = btf__find_by_name_kind(btf, "sk_rst_reason", BTF_KIND_ENUM);
	const struct btf_type *type;
	const struct btf_enum *values;

	memset(map, id < 0 ? RESET_REASON_UNKNOWN : RESET_REASON_OTHER, size);
	if (id < 0)
		return;
	type = btf__type_by_id(btf, id);
	values = btf_enum(type);
	for (int i = 0; i < btf_vlen(type); i++)
		if (values[i].val >= 0 && (size_t)values[i].val < size)
			map[values[i].val] = reason_of_name(btf__name_by_offset(btf, values[i].name_off));
}

uint64_t feature_address(const char *function)
{
	unsigned long long address, found = 0;
	char line[512], name[256], type;
	FILE *file = fopen("/proc/kallsyms", "re");

	if (!file)
		return 0;
	while (!found && fgets(line, sizeof(line), file))
		if (sscanf(line, "%llx %c %255s", &address, &type, name) == 3 && !strcmp(name, function))
			found = address;
	fclose(file);
	return found;
}

static uint64_t timespec_ns(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000ULL + (uint64_t)time->tv_nsec;
}

uint64_t feature_tick_ns(void)
{
	struct timespec resolution;

	/* The coarse clock moves once a jiffy, whatever CONFIG_HZ is. */
	clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
	return timespec_ns(&resolution);
}

uint64_t feature_monotonic_ns(void)
{
	return monotonic_ns();
}

int64_t feature_wall_minus_monotonic_ns(void)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	return (int64_t)(timespec_ns(&wall) - feature_monotonic_ns());
}

#define PROC_PID_INIT_INO 0xeffffffcU /* include/linux/proc_ns.h */

/* Where that is not known nothing is said. */
bool feature_pids_are_hosts(void)
{
	struct stat own;

	return stat("/proc/self/ns/pid", &own) || own.st_ino == PROC_PID_INIT_INO;
}

int feature_try_fentry(const struct btf *btf, const char *function, char *why, size_t size)
{
	const struct bpf_insn instructions[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_FENTRY);
	int id = feature_function(btf, function), program, link;

	if (id < 0) {
		snprintf(why, size, "%s() is not in the kernel's BTF", function);
		return id;
	}
	options.attach_btf_id = id;
	program = bpf_prog_load(BPF_PROG_TYPE_TRACING, "lastack_try", "GPL", instructions, 2, &options);
	if (program < 0) {
		snprintf(why, size, "the kernel refuses to load it: %s", strerror(-program));
		return program;
	}
	link = bpf_raw_tracepoint_open(NULL, program);
	close(program);
	if (link < 0) {
		snprintf(why, size, "the kernel refuses to attach it: %s", strerror(-link));
		return link;
	}
	close(link);
	return 0;
}

int feature_try_kprobe(const char *function, char *why, size_t size)
{
	static const char pmu[] = "/sys/bus/event_source/devices/kprobe/type";
	struct perf_event_attr attributes = {.size = sizeof(attributes)};
	FILE *file = fopen(pmu, "re");
	int fd, matched;

	if (!file) {
		snprintf(why, size, "the kernel has no kprobes");
		return -EOPNOTSUPP;
	}
	matched = fscanf(file, "%u", &attributes.type);
	fclose(file);
	attributes.config1 = (uint64_t)(uintptr_t)function; /* kprobe_func */
	fd = matched == 1 ? (int)syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC) : -1;
	if (fd < 0) {
		snprintf(why, size, "the kernel refuses a kprobe on %s(): %s%s", function, strerror(errno),
			 errno == EACCES ? " (kernel.perf_event_paranoid 3, of Debian, asks for CAP_SYS_ADMIN)" : "");
		return -errno;
	}
	close(fd);
	return 0;
}
