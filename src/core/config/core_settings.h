/* The values of core's own parameters, as the code reads them.
 *
 * Every field comes from a row of param.def; the fields' types are those of param.h. Owned by whoever registered them
 * (the server); texts are replaced when CONFIG SET changes them, so nobody keeps a pointer.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"

struct core_settings {
#define PARAM(name, field, type, ...) PARAM_FIELD_##type(field)
#include "core/config/param.def"
#undef PARAM
};

/* The values of the enum parameters. */
enum permission { PERMISSION_NO, PERMISSION_YES, PERMISSION_LOCAL }; /* enable-debug-command, ... */
enum supervised { SUPERVISED_NO, SUPERVISED_AUTO, SUPERVISED_SYSTEMD, SUPERVISED_UPSTART };
enum tls_auth { TLS_AUTH_NO, TLS_AUTH_YES, TLS_AUTH_OPTIONAL };
enum acl_pubsub_default { ACL_PUBSUB_RESETCHANNELS, ACL_PUBSUB_ALLCHANNELS };
enum oom_adjust { OOM_ADJUST_NO, OOM_ADJUST_RELATIVE, OOM_ADJUST_ABSOLUTE }; /* "yes" is relative */
enum shutdown_flags { SHUTDOWN_ON_SAVE = 1, SHUTDOWN_ON_NOSAVE = 2, SHUTDOWN_ON_NOW = 4, SHUTDOWN_ON_FORCE = 8 };

/* Registers core's rows over `settings` (zeroed), which then hold the defaults. */
void core_settings_add(struct core_settings *settings, struct params *params);

/* shutdown-on-sigterm and -sigint as a set of shutdown_flags; 0: "default". */
bool     core_settings_check_cpulist(const struct param *row, struct param_values *values, struct error *err); /* a param_check */
unsigned core_settings_shutdown_flags(const struct param_values *values);

/* client-output-buffer-limit of a class: "normal", "replica" or "pubsub" (the old word for replica is known too). */
struct output_limit {
    uint64_t hard_bytes, soft_bytes; /* 0: no limit */
    uint64_t soft_seconds;
};
struct output_limit core_settings_output_limit(const struct core_settings *settings, const char *class);
/* maxmemory-clients in bytes, where maxmemory is this; 0: no limit. */
uint64_t core_settings_client_memory(const struct core_settings *settings, uint64_t maxmemory_bytes);
