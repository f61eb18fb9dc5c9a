/* How a text is written as a YAML scalar, so that it reads back the same.
 *
 * Plain where that is safe, else in the quotes that were asked for, else in double quotes with escapes. Never more than
 * one line.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"
#include "core/config/yaml_tree.h"

/* Can YAML carry the text? It must be UTF-8. */
bool yaml_write_can(struct slice text);

/* Adds the text in `style` if that can carry it, else in one that can. `in_flow`: between brackets, where commas and
 * brackets end a plain scalar. */
void yaml_write_scalar(struct bytes *out, struct slice text, enum yaml_tree_style style, bool in_flow);

/* Adds a value on one line: a scalar, a list or map in brackets, as the row is read. `in_flow` as above. */
void yaml_write_value(struct bytes *out, const struct param *row, const struct param_values *values, bool in_flow);
