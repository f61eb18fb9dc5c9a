/* What operators ask for: MONITOR, REMOVE, SET, RESET, FORGET, FAILOVER, CONFIG SET, DEBUG, SIMULATE-FAILURE.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

void operate_monitor(struct world *world, const struct event *event);
void operate_remove(struct world *world, const struct event *event);
void operate_set(struct world *world, const struct event *event);
void operate_reset(struct world *world, const struct event *event);
void operate_forget(struct world *world, const struct event *event);
void operate_failover(struct world *world, const struct event *event);
void operate_config_set(struct world *world, const struct event *event);
void operate_debug_set(struct world *world, const struct event *event);
