/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemon_options.h: what can be set of the daemon, by its configuration file or on its command line.
 */
#ifndef LASTACK_VERBS_DAEMON_OPTIONS_H
#define LASTACK_VERBS_DAEMON_OPTIONS_H

#include <sys/types.h>

#include "core/diagnosis.h"
#include "options_file.h"
#include "serve/log.h"

#define DAEMON_CONFIG_PATH "/etc/lastack/lastack.conf"
#define CONTROL_PATH       "/run/lastack/lastack.sock"
/* In place of a path or an address: not wanted. */
#define OPTION_NONE "none"

/* Of --keep-capabilities, in the order of its names. */
enum optional_capability {
	KEEP_SYS_ADMIN,
	KEEP_SYS_PTRACE,
	KEEP_DAC_READ_SEARCH,
	OPTIONAL_CAPABILITIES,
};

extern const struct name_table optional_capability_names;

struct daemon_options {
	const char *config; /* path of the file; NULL: the usual one, if it exists */
	bool check_config;
	const char *user; /* NULL: "lastack" if it is started by root */
	uint64_t keep_capabilities;
	enum log_level log_level;

	uint64_t ring_bytes;
	unsigned tier;
	const char *types; /* a file of the kernel's types; none: its own */
	uint32_t max_connections;
	uint64_t settle_ns, owner_interval_ns, resync_interval_ns, audit_interval_ns;

	uint64_t diagnose_interval_ns;
	struct diagnosis_limits diagnose;
	const char *finding_hook;
	unsigned stacks; /* 0 or 1 */

	const char *state_directory;
	uint64_t history_max_age_ns, history_max_bytes;
	uint64_t count_classes, count_causes, count_shorter_ns;
	struct port_list count_ports;
	uint32_t store_queue;

	const char *socket;
	mode_t socket_mode;
	const char *socket_group; /* NULL: as it comes */
	uint32_t socket_clients;

	const char *http;
	uint32_t http_clients;

	const char *reports_directory;
	uint64_t reports_max_bytes, reports_max_age_ns;
	uint32_t reports_keep;
	unsigned reports_gzip; /* 0 or 1 */
};

/* Where the values came from; keeps what they point at. */
struct daemon_settings {
	struct daemon_options options;
	struct options_texts texts;
};

/*
 * Defaults, then the file, then the command line. Returns enum options_outcome, or -EINVAL or another -errno after a
 * message.
 */
int daemon_settings_read(struct daemon_settings *settings, int argc, char **argv);
void daemon_settings_free(struct daemon_settings *settings);
/*
 * Takes over what a running daemon can take of `fresh`, and logs what it cannot. Afterwards `fresh` must live as long
 * as `settings`.
 */
void daemon_settings_reload(struct daemon_options *options, const struct daemon_options *fresh);
/* Is a path or an address wanted? */
bool setting_is_wanted(const char *value);

#endif
