/* The parameters as documents: an example file with every one of them, a reference in Markdown, help for one.
 *
 * All is printed from the rows, so that it cannot be wrong; config/ and docs/ keep what these functions print.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"

/* A configuration file with every parameter at the value it has now (the default, before a file is read), and its help
 * as comments. Parameters that have nothing as their default are commented out. Adds to `out`. */
void manual_print_example(const struct params *params, struct bytes *out);

/* Tables by section: name, type, default, when it can be changed, help. Then the names that are not supported, and why.
 */
void manual_print_reference(const struct params *params, struct bytes *out);
