/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor_try.c: see monitor_try.h.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/features.h"
#include "kernel/kfuncs.h"
#include "kernel/monitor_internal.h"
#include "kernel/monitor_try.h"

/* Loads this program and no other. */
static int program_load_alone(const struct btf *btf, struct program_trial *trial)
{
	struct lastack_bpf *skeleton = lastack_bpf__open();
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);
	struct bpf_program *program;
	int ring, status;

	if (!skeleton)
		return -errno;
	bpf_object__for_each_program (program, skeleton->obj)
		bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), trial->program));
	kfuncs_put(bpf_object__find_program_by_name(skeleton->obj, trial->program), btf);
	skeleton->rodata->has_cookie_helper = feature_cookie_helper(btf);
	ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "lastack_ring", 0, 0, 1 << 16, NULL);
	status = ring < 0 ? ring : bpf_map__set_inner_map_fd(skeleton->maps.rings, ring);
	if (!status)
		status = lastack_bpf__load(skeleton);
	program = bpf_object__find_program_by_name(skeleton->obj, trial->program);
	if (!status && !bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
		trial->verified_instructions = info.verified_insns;
	lastack_bpf__destroy(skeleton);
	if (ring >= 0)
		close(ring);
	return status;
}

static void option_try_programs(const struct btf *btf, const struct hook_option *option, program_trial_fn report,
				void *arg)
{
	char why[HOOK_WHY_BYTES] = "";
	bool offered = !hook_option_try(btf, option, why, sizeof(why));

	for (size_t i = 0; i < HOOK_PROGRAMS_MAX && option->programs[i]; i++) {
		struct program_trial trial = {.program = option->programs[i], .option = option, .offered = offered};

		trial.why = why;
		if (offered) {
			monitor_complaint_clear();
			trial.status = program_load_alone(btf, &trial);
			trial.why = monitor_complaint();
		}
		report(arg, &trial);
	}
}

int monitor_try_programs(program_trial_fn report, void *arg, char *why, size_t size)
{
	const struct hook *hooks;
	struct btf *btf;
	size_t count;

	monitor_complaint_clear();
	btf = feature_btf(why, size);
	if (!btf)
		return -EOPNOTSUPP;
	hooks = hooks_table(&count);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < HOOK_OPTIONS_MAX && hooks[i].options[k].target; k++)
			option_try_programs(btf, &hooks[i].options[k], report, arg);
	btf__free(btf);
	return 0;
}
