/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor_try.c: see monitor_try.h.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/features.h"
#include "kernel/kfuncs.h"
#include "kernel/monitor_internal.h"
#include "kernel/monitor_try.h"
#include "kernel/types.h"

/* Loads this program and no other. */
static int program_load_alone(const struct kernel_types *types, struct program_trial *trial)
{
	struct lastack_bpf *skeleton = types_skeleton(types);
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);
	struct bpf_program *program;
	int ring, status;

	if (!skeleton)
		return -errno;
	bpf_object__for_each_program (program, skeleton->obj)
		bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), trial->program));
	kfuncs_put(bpf_object__find_program_by_name(skeleton->obj, trial->program), types->btf);
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

static void option_try_programs(const struct kernel_types *types, const struct hook_option *option,
				program_trial_fn report, void *arg)
{
	char why[HOOK_WHY_BYTES] = "";
	bool offered = !hook_option_try(types, option, why, sizeof(why));

	for (size_t i = 0; i < HOOK_PROGRAMS_MAX && option->programs[i]; i++) {
		struct program_trial trial = {.program = option->programs[i], .option = option, .offered = offered};

		trial.why = why;
		if (offered) {
			monitor_complaint_clear();
			trial.status = program_load_alone(types, &trial);
			trial.why = monitor_complaint();
		}
		report(arg, &trial);
	}
}

int monitor_try_programs(const char *file, program_trial_fn report, void *arg, char *why, size_t size)
{
	const struct hook *hooks;
	struct kernel_types types;
	size_t count;
	int status;

	monitor_complaint_clear();
	status = types_open(&types, file, why, size);
	if (status)
		return status;
	hooks = hooks_table(&count);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < HOOK_OPTIONS_MAX && hooks[i].options[k].target; k++)
			option_try_programs(&types, &hooks[i].options[k], report, arg);
	types_close(&types);
	return 0;
}
