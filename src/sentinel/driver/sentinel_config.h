/* The sentinel's part of the configuration: the `sentinel:` subtree, read into tables for the machine.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/list.h"
#include "core/config/param.h"
#include "sentinel/machine/machine.h"

struct sentinel_settings {
#define SENTINEL_PARAM(name, field, type, ...) PARAM_FIELD_##type(field)
#include "sentinel/driver/sentinel_config.def"
#undef SENTINEL_PARAM
};

struct primary_settings {
#define PRIMARY_PARAM(name, field, type, ...) PARAM_FIELD_##type(field)
#include "sentinel/driver/sentinel_config.def"
#undef PRIMARY_PARAM
};

struct sentinel_config; /* owned by the driver */

/* Registers the rows and the group of primaries; the tables are filled while the configuration is read. Keeps params,
 * which must be freed first. gives: sentinel_config_free() */
struct sentinel_config *sentinel_config_new(struct params *params);
void                    sentinel_config_free(struct sentinel_config **config);

const struct sentinel_settings *sentinel_config_settings(const struct sentinel_config *config);
size_t                          sentinel_config_count(const struct sentinel_config *config); /* primaries */

/* What only the whole configuration shows: names where resolve-hostnames is no. */
MUST_USE bool sentinel_config_check(const struct sentinel_config *config, struct error *err);

/* Fills in the settings and primaries of `out`, which lend the config's memory; id, seed, port and timing are the
 * caller's. */
void sentinel_config_fill(struct sentinel_config *config, struct machine_config *out);

/* An IPv4 or IPv6 address? */
bool sentinel_config_is_ip(const char *host);
/* The path is a file that we may execute. */
MUST_USE bool sentinel_config_check_script(const char *path, struct error *err);
