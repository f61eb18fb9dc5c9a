/* Configuration at start: reading it, checking it, importing it, in the words that main.c uses.
 *
 *     params = params_new(); core_settings_add(...); store_install(...) or sentinel_install(...)
 *     config_load(params, file, argument_count, arguments, &report)  ||  print the report and exit
 *
 * All of these report every problem they find, not only the first. A report is lines of text for an operator, each
 * "file:line:column: key: what is wrong; what was expected". Secrets are never in it.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"

/* Reads `path` (NULL: none, so the defaults; "-": standard input), then applies `arguments` ("--name", "value", ...) as
 * if they stood at the end of the file. Nothing is applied to the world: settings are filled, groups' members added.
 * False: `report` holds the problems and the process must not start. */
MUST_USE bool config_load(struct params *params, const char *path, int argument_count, char *const *arguments,
                          struct bytes *report);

/* What config_load() read: the file that CONFIG REWRITE edits. NULL: there is none (none given, or standard input).
 * Absolute where config_load() got an absolute path. Lent. */
const char *config_path(const struct params *params);

/* kvd --check-config PATH: config_load() without arguments, on freshly made params. Prints "PATH: ok" or the problems
 * to `report`. */
MUST_USE bool config_check_file(struct params *params, const char *path, struct bytes *report);

/* kvd --import-config PATH: the redis.conf or sentinel.conf at `path` as YAML in `yaml`. What it includes is taken in.
 * The params are those of the mode: config_is_sentinel_conf() tells which one a file needs. False: something cannot be
 * expressed or is not supported; `report` says what, with file and line, and `yaml` holds nothing. */
MUST_USE bool config_import(struct params *params, const char *path, struct bytes *yaml, struct bytes *report);
bool config_is_sentinel_conf(const char *path); /* has it a `sentinel ...` line itself? */

/* CONFIG REWRITE: writes what was changed at run time into the file, see yaml_rewrite.h. */
MUST_USE bool config_rewrite(struct params *params, struct error *err);
