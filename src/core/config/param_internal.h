/* What the files of this folder know of the registry beyond param.h.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"

/* The file that CONFIG REWRITE edits; copied. NULL: none. */
void params_set_main_file(struct params *params, const char *path);
const char *params_main_file(const struct params *params);

/* Do these values mean what is in force? */
bool param_is(const struct param_entry *entry, const struct param_values *values);
void param_get_default(const struct param_entry *entry, struct param_values *out); /* gives */
/* Is there a binding that knows the live value? */
bool param_is_live(const struct param_entry *entry);
/* As a later file's value is put over an earlier one's: a map merges, all else is replaced. Borrows `over`. */
void param_values_apply(const struct param *row, struct param_values *values, const struct param_values *over);
