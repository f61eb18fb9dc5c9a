/* Cuts off the clients that take the most memory while all together take more than maxmemory-clients allows.
 *
 * Replicas and the primary are not counted and not cut off, nor are clients that asked for it (CLIENT NO-EVICT).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "core/config/core_settings.h"
#include "core/server.h"

/* Then clients count their memory at once instead of once a second. */
static inline bool client_evict_has_limit(const struct server *server) {
    return server->settings->maxmemory_clients[0] != '0';
}

/* Before the loop sleeps, when nobody's command runs. Cheap without a limit. */
void client_evict(struct server *server);
