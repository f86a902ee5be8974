/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * types.h: the types that the kernel's memory is read by: its own, or, for a kernel without them, those of a file
 * (--btf). Only the kernel's own let programs attach to functions and iterators, and follow pointers by plain loads:
 * with a file, programs of tracepoints are raw ones (bpf/reads.bpf.h), and the kernel's own types are never looked at.
 */
#ifndef LASTACK_KERNEL_TYPES_H
#define LASTACK_KERNEL_TYPES_H

#include <stddef.h>

struct btf;
struct lastack_bpf;

struct kernel_types {
	struct btf *btf;
	const char *file; /* NULL: the kernel's own */
	int handler;      /* with a file: what libbpf knows it by that programs of tracepoints are raw ones; else 0 */
};

/* A file that cannot be taken, or is not of this kernel. */
#define TYPES_UNFIT (-EBADMSG)

/*
 * file: NULL for the kernel's own. Returns 0, -EOPNOTSUPP where the kernel has none, TYPES_UNFIT, with the reason in
 * why. The file's name must live as long as the types, and they until the programs are attached.
 */
int types_open(struct kernel_types *types, const char *file, char *why, size_t size);
void types_close(struct kernel_types *types);

/* The programs, opened and not loaded; NULL: errno says why. */
struct lastack_bpf *types_skeleton(const struct kernel_types *types);

/*
 * Of types from a file, with the programs loaded: does a socket of ours read as what it is? 0, or -errno with the
 * reason in why: TYPES_UNFIT where it does not. What the programs do not read, and layouts that are alike, it cannot
 * tell.
 */
int types_verify(struct lastack_bpf *skeleton, char *why, size_t size);

#endif
