/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filter.h: the sizes and the one structure of the operator's filter that kernel and user space share.
 */
#ifndef LASTACK_FILTER_H
#define LASTACK_FILTER_H

#define FILTER_NETNS_MAX 16
#define FILTER_CGROUPS_MAX 8
#define FILTER_PORTS_MAX 16

struct port_range {
	__u16 first; /* host byte order, both ends included */
	__u16 last;
};

#endif
