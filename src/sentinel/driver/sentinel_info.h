/* INFO's section "sentinel": the established fields, then what operators and dashboards ask for.
 *
 * The established fields come first, by their names and in their order (sentinel_masters ... masterN). Ours follow; their
 * lines never begin with "master", because exporters take such lines for primaries. docs/ lists them.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct driver;
struct server;

void sentinel_info_install(struct server *server);
/* The section's lines without its title, each ended by CR LF. */
void sentinel_info_print(const struct driver *driver, struct bytes *out);
