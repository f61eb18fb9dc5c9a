/* The options of a primary and of the sentinel as names and texts: what SENTINEL SET and CONFIG SET take, and what the
 * state remembers of them.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"
#include "sentinel/machine/world.h"

/* Whether the primary's option may have this value. `second` is rename-command's new name. False: `err` is the
 * established error with its code. `at_run_time`: deny-scripts-reconfig applies. */
bool options_check(const struct primary *primary, const struct option_change *change, bool at_run_time,
                   struct error *err);
/* "host:port=zone host:port=zone": the form of replica-zones. */
bool options_are_zones(struct slice value);
/* Sets what was checked. True: the lines must be opened anew (credentials). */
bool options_apply(struct primary *primary, const struct option_change *change);
/* The option's text now; gives: mem_free(). For rename-command `detail` is the old name. */
char *options_text(const struct primary *primary, struct slice name, struct slice detail);
/* Sets and remembers that it was changed at run time. */
bool options_change(struct primary *primary, const struct option_change *change);

/* The same for SENTINEL CONFIG SET. settings_change(): true: lines to other sentinels must be opened anew. */
bool settings_check(const struct option_change *change, struct error *err);
bool settings_change(struct world *world, const struct option_change *change);
char *settings_text(const struct world *world, struct slice name); /* gives: mem_free() */

/* SENTINEL DEBUG. */
bool timing_check(const struct option_change *change, struct error *err);
void timing_apply(struct world *world, const struct option_change *change);
