/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reads.bpf.h: how a pointer that was found in the kernel's memory is followed.
 *
 * Programs whose arguments have types (tp_btf, fentry, iterators) follow it by a plain load, which the verifier allows
 * and makes safe. On a kernel that holds no types of its own they are raw tracepoint programs, to which every pointer
 * is a number: there each step is a read by a helper. The loader says which; the verifier drops the other way.
 */
#ifndef LASTACK_READS_BPF_H
#define LASTACK_READS_BPF_H

/* The kernel holds no types: they came from a file. Set by the loader. */
const volatile bool raw_reads = false;

#define FOLLOW(pointer, member) (raw_reads ? BPF_CORE_READ(pointer, member) : (pointer)->member)

/* The same for what is a bit-field, or has another width on other kernels. */
#define FOLLOW_BITS(pointer, member)                                                                                   \
	(raw_reads ? BPF_CORE_READ_BITFIELD_PROBED(pointer, member) : BPF_CORE_READ_BITFIELD(pointer, member))

#endif
