/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * complaint.h: what libbpf had to say about the last attempt to load something, kept for the message about it.
 */
#ifndef LASTACK_KERNEL_COMPLAINT_H
#define LASTACK_KERNEL_COMPLAINT_H

/* The first complaint of libbpf since it was last cleared; later ones only report consequences. */
void monitor_complaint_clear(void);
const char *monitor_complaint(void);

#endif
