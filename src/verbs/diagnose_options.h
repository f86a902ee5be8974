/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diagnose_options.h: the thresholds of a diagnosis as options, of the daemon and of `lastack diagnose`.
 */
#ifndef LASTACK_VERBS_DIAGNOSE_OPTIONS_H
#define LASTACK_VERBS_DIAGNOSE_OPTIONS_H

#include "core/diagnosis.h"
#include "options.h"

#define DIAGNOSE_LIMIT_OPTION(prefix, holder, holder_member, member, kind, name, what, least, most, text)              \
	{.long_name = prefix name,                                                                                     \
	 .argument = what,                                                                                             \
	 .type = OPTION_##kind,                                                                                        \
	 .minimum = least,                                                                                             \
	 .maximum = most,                                                                                              \
	 .offset = offsetof(holder, holder_member) + offsetof(struct diagnosis_limits, member),                        \
	 .reloadable = true,                                                                                           \
	 .help = text},

/* One for each limit, in holder.member, which is a struct diagnosis_limits. Ends with a comma. */
#define DIAGNOSE_LIMIT_OPTIONS(prefix, holder, member) DIAGNOSIS_LIMITS(DIAGNOSE_LIMIT_OPTION, prefix, holder, member)

#endif
