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

/* Every row in the order in which it was registered. */
size_t params_row_count(const struct params *params);
const struct param *params_row_at(const struct params *params, size_t place);
/* The value of the field, whatever a binding says; gives. */
void param_get_plain(const struct param_entry *entry, struct param_values *out);
/* A row's default; gives. */
void param_parse_default(const struct param *row, struct param_values *out);
