/* redis.conf and sentinel.conf to YAML, by our own reader of that format.
 *
 * A line is words; a word may stand in double quotes (escapes \n \r \t \b \a \xHH \" \\) or single quotes (\').
 * `include` takes in other files as if their lines stood there. Directives may come in any order; a later one wins,
 * those that may be given several times add up. What is unknown, not supported or wrong is an error with its file and
 * line; all of them are reported. SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"

/* Adds the YAML to `yaml`. The params say what is known: those of a sentinel for a sentinel.conf. Nothing is stored in
 * them. False: `report` has lines, `yaml` nothing new. */
MUST_USE bool import_file(struct params *params, const char *path, struct bytes *yaml, struct bytes *report);
/* The same for a text, which may not include. `name` stands in the report. */
MUST_USE bool import_text(struct params *params, const char *name, struct slice text, struct bytes *yaml,
                          struct bytes *report);

/* Has the text a line that begins with the word `sentinel`? */
bool import_is_sentinel(struct slice text);

/* The words of a line, added as items without keys. False: a quote does not end, or no blank follows it. */
MUST_USE bool import_split(struct slice line, struct param_values *words);
