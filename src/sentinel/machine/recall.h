/* The world to records and back: what is saved, and what a start makes of the configuration and of what was saved.
 *
 * The configuration is the operator's, the state is ours. A primary's address is the state's as long as the
 * configuration names the one that it named when the state was written; when the operator edited it, the configuration
 * wins, and the replicas known so far are forgotten. The same goes for every option that SENTINEL SET changed. Epochs
 * and votes are always the state's: they never go back.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/machine.h"

void recall_state(struct world *world, const struct machine_config *config, const struct state_record *state,
                  size_t count);
void recall_export(const struct world *world, struct state_records *out);
/* See machine_take_changes(). */
bool recall_take_changes(struct world *world, struct state_records *out);
