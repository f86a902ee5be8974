/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kfuncs.c: see kfuncs.h.
 */
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "event.h"
#include "kernel/features.h"
#include "kernel/kfuncs.h"

static const char *const names[KFUNCS_END - KFUNC_PREEMPT_DISABLE] = {
	"bpf_preempt_disable",
	"bpf_preempt_enable",
	"bpf_local_irq_save",
	"bpf_local_irq_restore",
};

void kfuncs_put(struct bpf_program *program, const struct btf *btf)
{
	struct bpf_insn *instructions = (struct bpf_insn *)bpf_program__insns(program); /* libbpf's own copy */
	size_t count = bpf_program__insn_cnt(program);

	for (size_t i = 0; i < count; i++) {
		struct bpf_insn *call = &instructions[i];
		int id;

		if (call->code != (BPF_JMP | BPF_CALL) || call->src_reg || call->imm < KFUNC_PREEMPT_DISABLE ||
		    call->imm >= KFUNCS_END)
			continue;
		id = feature_function(btf, names[call->imm - KFUNC_PREEMPT_DISABLE]);
		if (id < 0)
			continue;
		call->src_reg = BPF_PSEUDO_KFUNC_CALL;
		call->imm = id;
	}
}
