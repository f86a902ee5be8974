/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * replay.h: what replay and other verbs that read recordings have in common.
 */
#ifndef LASTACK_VERBS_REPLAY_H
#define LASTACK_VERBS_REPLAY_H

#include "pipeline/pipeline.h"

/* Options of the tracker as nobody has given them: those of the recorder hold. */
void replay_options_init(struct pipeline_options *options);
void replay_settings_take(const struct recording_facts *facts, struct pipeline_options *options);
/* Opens a recording, or says why it cannot be. Returns an exit status; *reader is to be closed in any case. */
int replay_open(const char *verb, const char *path, struct recording_reader **reader);

#endif
