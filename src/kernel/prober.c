// SPDX-License-Identifier: GPL-2.0-only
/*
 * prober.c: see prober.h.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/complaint.h"
#include "kernel/features.h"
#include "kernel/iterate.h"
#include "kernel/prober.h"
#include "kernel/types.h"
#include "probe.skel.h"

struct prober {
	struct probe_bpf *skeleton;
};

static int open_failed(int status, char *why, size_t size)
{
	const char *complaint = monitor_complaint();

	if (status == -EPERM)
		snprintf(why, size, "no permission to use BPF: run as root%s%s", complaint[0] ? "; " : "", complaint);
	else
		snprintf(why, size,
			 "this kernel cannot change settings of sockets from a BPF iterator (bpf_setsockopt() there: "
			 "since 5.15): %s%s%s",
			 strerror(-status), complaint[0] ? "; " : "", complaint);
	return status == -EPERM || status == -ENOMEM ? status : -EOPNOTSUPP;
}

static int skeleton_load(struct probe_bpf *skeleton, uint32_t targets_max)
{
	int status = bpf_map__set_max_entries(skeleton->maps.targets, targets_max);

	if (!status)
		status = bpf_map__set_max_entries(skeleton->maps.ends, targets_max);
	skeleton->rodata->has_cookie_helper = true;
	skeleton->rodata->ticks_per_second = (uint32_t)(1000000000 / feature_tick_ns());
	if (!status)
		status = probe_bpf__load(skeleton);
	if (status)
		return status;
	if (!skeleton->bss) /* libbpf takes a kernel that refuses a first small map for one without global data */
		return -ENOMEM;
	skeleton->links.probe_ends = bpf_program__attach(skeleton->progs.probe_ends);
	return skeleton->links.probe_ends ? 0 : -errno;
}

static int kernel_check(char *why, size_t size)
{
	struct kernel_types types;
	int status = types_open(&types, NULL, why, size);
	bool has_cookies;

	if (status)
		return status;
	has_cookies = feature_cookie_helper(types.btf);
	types_close(&types);
	if (!has_cookies)
		snprintf(why, size, "this kernel gives BPF programs no socket cookies (since 5.12)");
	return has_cookies ? 0 : -EOPNOTSUPP;
}

int prober_open(struct prober **result, uint32_t targets_max, char *why, size_t size)
{
	struct prober *prober;
	int status = kernel_check(why, size);

	if (status)
		return status;
	prober = calloc(1, sizeof(*prober));
	if (!prober)
		return -ENOMEM;
	monitor_complaint_clear();
	prober->skeleton = probe_bpf__open();
	status = prober->skeleton ? skeleton_load(prober->skeleton, targets_max) : -errno;
	if (status) {
		prober_close(prober);
		return open_failed(status, why, size);
	}
	*result = prober;
	return 0;
}

void prober_close(struct prober *prober)
{
	if (!prober)
		return;
	probe_bpf__destroy(prober->skeleton);
	free(prober);
}

struct holder_call {
	prober_holder_fn function;
	void *arg;
};

static void holder_pass_on(void *arg, const void *record)
{
	const struct holder_call *call = arg;

	call->function(call->arg, record);
}

int prober_holders(struct prober *prober, prober_holder_fn holder, void *arg)
{
	struct holder_call call = {holder, arg};

	return iterate_records(prober->skeleton->progs.probe_holders, sizeof(struct probe_holder), holder_pass_on,
			       &call);
}

struct sample_call {
	prober_sample_fn function;
	void *arg;
};

static void sample_pass_on(void *arg, const void *record)
{
	const struct sample_call *call = arg;

	call->function(call->arg, record);
}

int prober_pass(struct prober *prober, bool only_targets, prober_sample_fn sample, void *arg)
{
	struct sample_call call = {sample, arg};

	prober->skeleton->bss->only_targets = only_targets;
	return iterate_records(prober->skeleton->progs.probe_sockets, sizeof(struct probe_sample), sample_pass_on,
			       &call);
}

int prober_target(struct prober *prober, uint64_t cookie, const struct probe_target *target)
{
	static const struct probe_end none;
	int status = bpf_map_update_elem(bpf_map__fd(prober->skeleton->maps.ends), &cookie, &none, BPF_NOEXIST);

	if (status && status != -EEXIST)
		return status;
	return bpf_map_update_elem(bpf_map__fd(prober->skeleton->maps.targets), &cookie, target, BPF_ANY);
}

void prober_forget(struct prober *prober, uint64_t cookie)
{
	bpf_map_delete_elem(bpf_map__fd(prober->skeleton->maps.targets), &cookie);
	bpf_map_delete_elem(bpf_map__fd(prober->skeleton->maps.ends), &cookie);
}

struct probe_end prober_end(const struct prober *prober, uint64_t cookie)
{
	struct probe_end end = {0};

	if (bpf_map_lookup_elem(bpf_map__fd(prober->skeleton->maps.ends), &cookie, &end))
		return (struct probe_end){0};
	return end;
}
