/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kfuncs.h: puts the calls of kfuncs of the running kernel into programs, in the places of their stand-ins (event.h).
 */
#ifndef LASTACK_KERNEL_KFUNCS_H
#define LASTACK_KERNEL_KFUNCS_H

struct bpf_program;
struct btf;

/* Before the program is loaded. What the kernel lacks stays a stand-in, and the verifier refuses it. */
void kfuncs_put(struct bpf_program *program, const struct btf *btf);

#endif
