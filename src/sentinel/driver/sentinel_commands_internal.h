/* What the files of the sentinel's commands share: whose world a client asks about, and how the machine's answer reaches it.
 *
 * Included by sentinel_commands.c and sentinel_orders.c only.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/client/client.h"
#include "core/command/command.h"
#include "core/server.h"
#include "sentinel/driver/driver.h"

#define COMMAND COMMAND_PROTOTYPE
#include "sentinel/driver/sentinel_commands.def"
#undef COMMAND

static inline struct driver *driver_of_client(const struct client *client) {
    return driver_of(client->server);
}

static inline const struct world *world_of(const struct client *client) {
    return driver_world(driver_of_client(client));
}

static inline int64_t now_of(const struct client *client) {
    return driver_now_ms(driver_of_client(client));
}

/* Lends until the next step. NULL: there is none of that name, and an error was replied. */
const struct primary *sentinel_commands_primary(struct client *client, struct slice name);

/* For whatever needs no more than OK, an error, a number or a vote: replies, now or when the machine has answered. */
void sentinel_commands_ask(struct client *client, struct event event);
