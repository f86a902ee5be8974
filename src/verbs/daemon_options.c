// SPDX-License-Identifier: GPL-2.0-only
/*
 * daemon_options.c: the option table of the daemon; see daemon_options.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "options_values.h"
#include "pipeline/pipeline.h"
#include "verbs/daemon_options.h"
#include "verbs/diagnose_options.h"
#include "verbs/filter_options.h"
#include "verbs/verbs.h"
#include "verbs/watch.h"

#define NS_PER_S 1000000000ULL

static const char *const capability_texts[] = {"sys_admin", "sys_ptrace", "dac_read_search"};
const struct name_table optional_capability_names = {capability_texts, OPTIONAL_CAPABILITIES};

static const char *const no_yes_texts[] = {"no", "yes"};
static const struct name_table no_yes_names = {no_yes_texts, 2};

static int mode_parse(const char *value, void *target, const char **why)
{
	char *end;
	unsigned long mode = strtoul(value, &end, 8);

	*why = "must be permissions in octal, such as 0660";
	if (!value[0] || *end || mode > 0777 || value[0] == '-' || value[0] == '+')
		return -EINVAL;
	*(mode_t *)target = (mode_t)mode;
	return 0;
}

#define AT(member) .offset = offsetof(struct daemon_options, member)

static const struct option_spec specs[] = {
	{.short_name = 'c',
	 .long_name = "config",
	 .argument = "FILE",
	 .type = OPTION_STRING,
	 AT(config),
	 .command_line_only = true,
	 .help = "read this file (" DAEMON_CONFIG_PATH ", if it exists)"},
	{.long_name = "check-config",
	 .type = OPTION_FLAG,
	 AT(check_config),
	 .command_line_only = true,
	 .help = "say whether the configuration is right, and end"},
	{.long_name = "user",
	 .argument = "NAME",
	 .type = OPTION_STRING,
	 AT(user),
	 .help = "become this user, if started by root (lastack)"},
	{.long_name = "keep-capabilities",
	 .argument = "NAME,...",
	 .type = OPTION_NAMES,
	 .names = &optional_capability_names,
	 AT(keep_capabilities),
	 .help = "optional ones to keep, to see into other network namespaces (none)"},
	{.long_name = "log-level",
	 .argument = "LEVEL",
	 .type = OPTION_NAME,
	 .names = &log_level_names,
	 AT(log_level),
	 .reloadable = true,
	 .help = "what is said on standard error (info)"},
	{.long_name = "ring-size",
	 .argument = "BYTES",
	 .type = OPTION_SIZE,
	 .minimum = 4096,
	 .maximum = 1ULL << 30,
	 .power_of_two = true,
	 AT(ring_bytes),
	 .help = "of each CPU's ring buffer: a power of two (16M over the CPUs, 1M at least)"},
	{.long_name = "tier",
	 .argument = "TIER",
	 .type = OPTION_NAME,
	 .names = &hook_tier_names,
	 AT(tier),
	 .help = "hooks of this tier only (any: the best that works)"},
	TYPES_OPTION(offsetof(struct daemon_options, types), " (none)"),
	{.long_name = "max-connections",
	 .argument = "COUNT",
	 .type = OPTION_U32,
	 .minimum = 16,
	 .maximum = 16777216,
	 AT(max_connections),
	 .help = "remember so many at once (1048576)"},
	{.long_name = "settle",
	 .argument = "TIME",
	 .type = OPTION_DURATION,
	 .maximum = 3600 * NS_PER_S,
	 AT(settle_ns),
	 .help = "hold a report so long while a minisock may still change it (1s)"},
	{.long_name = "owner-interval",
	 .argument = "TIME",
	 .type = OPTION_DURATION,
	 AT(owner_interval_ns),
	 .help = "look through descriptors for unknown owners so often, 0: never (10s)"},
	{.long_name = "resync-interval",
	 .argument = "TIME",
	 .type = OPTION_DURATION,
	 AT(resync_interval_ns),
	 .reloadable = true,
	 .help = "hold live connections against the kernel's sockets so often, 0: never (10m)"},
	{.long_name = "audit-interval",
	 .argument = "TIME",
	 .type = OPTION_DURATION,
	 AT(audit_interval_ns),
	 .reloadable = true,
	 .help = "hold counts against the kernel's counters so often, 0: never (60s)"},
	{.long_name = "diagnose-interval",
	 .argument = "TIME",
	 .type = OPTION_DURATION,
	 .minimum = NS_PER_S,
	 AT(diagnose_interval_ns),
	 .reloadable = true,
	 .help = "look for what is wrong with live connections so often (30s)"},
	{.long_name = "finding-hook",
	 .argument = "FILE",
	 .type = OPTION_STRING,
	 AT(finding_hook),
	 .help = "run this program when a finding appears or clears, with it as JSON on its standard input (none)"},
	{.long_name = "stacks",
	 .argument = "yes|no",
	 .type = OPTION_NAME,
	 .names = &no_yes_names,
	 AT(stacks),
	 .help = "take the stack of each connect() and accept() for diagnose --stacks; where accept() cannot be hooked "
		 "this slows every system call (no)"},
	DIAGNOSE_LIMIT_OPTIONS("diagnose-", struct daemon_options,
			       diagnose){.long_name = "state-dir",
					 .argument = "DIR",
					 .type = OPTION_STRING,
					 AT(state_directory),
					 .help = "keep the history there; none: keep none (/var/lib/lastack)"},
	{.long_name = "history-max-age",
	 .argument = "TIME",
	 .type = OPTION_DURATION,
	 AT(history_max_age_ns),
	 .reloadable = true,
	 .help = "forget what ended longer ago, 0: never (30d)"},
	{.long_name = "history-max-size",
	 .argument = "BYTES",
	 .type = OPTION_SIZE,
	 AT(history_max_bytes),
	 .reloadable = true,
	 .help = "forget the oldest when the database is larger, 0: never (4G)"},
	{.long_name = "count-class",
	 .argument = "CLASS,...",
	 .type = OPTION_NAMES,
	 .names = &class_names,
	 AT(count_classes),
	 .reloadable = true,
	 .help = "only count connections of these classes, if they meet every other --count condition too"},
	{.long_name = "count-cause",
	 .argument = "CAUSE,...",
	 .type = OPTION_NAMES,
	 .names = &cause_names,
	 AT(count_causes),
	 .reloadable = true,
	 .help = "likewise: of these causes"},
	{.long_name = "count-shorter",
	 .argument = "TIME",
	 .type = OPTION_DURATION,
	 AT(count_shorter_ns),
	 .reloadable = true,
	 .help = "likewise: that lived less long"},
	{.long_name = "count-port",
	 .argument = "PORTS",
	 .type = OPTION_PORTS,
	 AT(count_ports),
	 .reloadable = true,
	 .help = "likewise: with one of these ports at either end, such as 80,8000-8010"},
	{.long_name = "store-queue",
	 .argument = "COUNT",
	 .type = OPTION_U32,
	 .minimum = 1024,
	 .maximum = 4194304,
	 AT(store_queue),
	 .help = "so many reports may wait for the disk (65536)"},
	{.long_name = "socket",
	 .argument = "PATH",
	 .type = OPTION_STRING,
	 AT(socket),
	 .help = "control socket; none: without (" CONTROL_PATH ")"},
	{.long_name = "socket-mode",
	 .argument = "MODE",
	 .type = OPTION_CUSTOM,
	 .parse = mode_parse,
	 AT(socket_mode),
	 .help = "its permissions: who may ask (0660)"},
	{.long_name = "socket-group",
	 .argument = "NAME",
	 .type = OPTION_STRING,
	 AT(socket_group),
	 .help = "its group (that of the user)"},
	{.long_name = "socket-clients",
	 .argument = "COUNT",
	 .type = OPTION_U32,
	 .minimum = 4,
	 .maximum = 1024,
	 AT(socket_clients),
	 .help = "so many at once (64)"},
	{.long_name = "http",
	 .argument = "ADDR:PORT",
	 .type = OPTION_STRING,
	 AT(http),
	 .help = "serve /metrics there, or at unix:PATH; none: nowhere (127.0.0.1:9752)"},
	{.long_name = "http-clients",
	 .argument = "COUNT",
	 .type = OPTION_U32,
	 .minimum = 2,
	 .maximum = 1024,
	 AT(http_clients),
	 .help = "so many at once (32)"},
	{.long_name = "reports",
	 .argument = "DIR",
	 .type = OPTION_STRING,
	 AT(reports_directory),
	 .help = "write each report there too, as JSON Lines; none: nowhere (none)"},
	{.long_name = "reports-max-size",
	 .argument = "BYTES",
	 .type = OPTION_SIZE,
	 .minimum = 4096,
	 AT(reports_max_bytes),
	 .reloadable = true,
	 .help = "begin another file when one is larger (64M)"},
	{.long_name = "reports-max-age",
	 .argument = "TIME",
	 .type = OPTION_DURATION,
	 .minimum = NS_PER_S,
	 AT(reports_max_age_ns),
	 .reloadable = true,
	 .help = "or older (1h)"},
	{.long_name = "reports-keep",
	 .argument = "COUNT",
	 .type = OPTION_U32,
	 AT(reports_keep),
	 .reloadable = true,
	 .help = "keep so many finished files, 0: all (168)"},
	{.long_name = "reports-gzip",
	 .argument = "yes|no",
	 .type = OPTION_NAME,
	 .names = &no_yes_names,
	 AT(reports_gzip),
	 .reloadable = true,
	 .help = "compress them when they are finished (yes)"},
};

const struct option_verb daemon_verb = {
	.name = "daemon",
	.summary = "the service: watch, keep the history, answer questions, export metrics and reports",
	.description = "Settings come from the file first, then from the command line. SIGHUP reads the file again,\n"
		       "SIGTERM ends it in good order. What it saw is asked with status, list, show, history, follow, "
		       "diagnose.",
	.options = specs,
	.option_count = sizeof(specs) / sizeof(specs[0]),
	.options_bytes = sizeof(struct daemon_options),
};

static void defaults_fill(struct daemon_options *options)
{
	*options = (struct daemon_options){
		.log_level = LOG_LEVEL_INFO,
		.types = OPTION_NONE,
		.max_connections = 1048576,
		.settle_ns = NS_PER_S,
		.owner_interval_ns = 10 * NS_PER_S,
		.resync_interval_ns = 600 * NS_PER_S,
		.audit_interval_ns = 60 * NS_PER_S,
		.diagnose_interval_ns = 30 * NS_PER_S,
		.state_directory = "/var/lib/lastack",
		.history_max_age_ns = 30 * 86400 * NS_PER_S,
		.history_max_bytes = 4ULL << 30,
		.store_queue = 65536,
		.socket = CONTROL_PATH,
		.socket_mode = 0660,
		.socket_clients = 64,
		.http = "127.0.0.1:9752",
		.http_clients = 32,
		.finding_hook = OPTION_NONE,
		.reports_directory = OPTION_NONE,
		.reports_max_bytes = 64ULL << 20,
		.reports_max_age_ns = 3600 * NS_PER_S,
		.reports_keep = 168,
		.reports_gzip = 1,
	};
	diagnosis_limits_init(&options->diagnose);
}

bool setting_is_wanted(const char *value)
{
	return value && value[0] && strcmp(value, OPTION_NONE) != 0;
}

static int file_read(struct daemon_settings *settings, const char *given)
{
	const char *path = given ? given : DAEMON_CONFIG_PATH;
	int status = options_file_read(&daemon_verb, path, &settings->options, &settings->texts);

	if (status == -ENOENT && !given)
		return 0;
	if (status && status != -EINVAL)
		options_error(&daemon_verb, path, strerror(-status));
	return status;
}

int daemon_settings_read(struct daemon_settings *settings, int argc, char **argv)
{
	struct daemon_options given;
	int first, outcome;

	*settings = (struct daemon_settings){0};
	/* Once for where the file is, and once over what it says. */
	defaults_fill(&given);
	outcome = options_parse(&daemon_verb, argc, argv, &given, &first);
	if (outcome)
		return outcome;
	defaults_fill(&settings->options);
	outcome = file_read(settings, given.config);
	if (!outcome)
		outcome = options_parse(&daemon_verb, argc, argv, &settings->options, &first);
	if (outcome)
		daemon_settings_free(settings);
	return outcome;
}

void daemon_settings_free(struct daemon_settings *settings)
{
	options_texts_free(&settings->texts);
}

void daemon_settings_reload(struct daemon_options *options, const struct daemon_options *fresh)
{
	for (unsigned i = 0; i < daemon_verb.option_count; i++) {
		const struct option_spec *option = &specs[i];
		char *into = (char *)options + option->offset;
		const char *from = (const char *)fresh + option->offset;

		if (!option_value_differs(option, into, from))
			continue;
		if (option->reloadable) {
			option_value_copy(option, into, from);
			log_info("reload: %s is taken over", option->long_name);
		} else {
			log_warning("reload: %s was changed: that takes a restart", option->long_name);
		}
	}
}
