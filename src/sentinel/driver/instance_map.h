/* One instance as the map of fields that SENTINEL MASTERS, REPLICAS and SENTINELS answer.
 *
 * Names and order are the established ones; tools read them.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

struct client;

void instance_map_reply_primary(struct client *client, const struct primary *primary, int64_t now_ms);
void instance_map_reply_replica(struct client *client, const struct instance *replica, int64_t now_ms);
void instance_map_reply_sentinel(struct client *client, const struct seat *seat, int64_t now_ms);
