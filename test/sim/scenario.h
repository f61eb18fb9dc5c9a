/* Scenarios: given topologies with given faults, and figures that must be reached.
 *
 * The random histories prove that nothing goes wrong; these prove that what goes right is fast and calm. All invariants
 * are checked here too. The figures are TARGETS' own, measured in virtual time.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sim/history.h"

struct scenario;

struct scenario_result {
    struct verdict verdict;
    char figures[300]; /* what was measured, for people */
    uint64_t failovers;
};

const struct scenario *scenario_at(size_t index); /* NULL: there are no more */
const struct scenario *scenario_find(const char *name);
const char *scenario_name(const struct scenario *scenario);
const char *scenario_help(const struct scenario *scenario);
bool scenario_is_long(const struct scenario *scenario); /* left out of make check */
void scenario_run(const struct scenario *scenario, const struct history_options *options,
                  struct scenario_result *result);
