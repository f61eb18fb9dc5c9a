/* Joins the pure machine to the world: actions to links, timers and files, replies and timeouts to events.
 *
 * sentinel_install() hands a server the sentinel's commands, parameters, INFO section and hooks, with empty tables that
 * reading the configuration fills. sentinel_start() loads the state file and starts to monitor.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"
#include "sentinel/machine/machine.h"

struct client;
struct driver; /* owned by the server it was installed into */
struct scripts;
struct server;
struct state_file;

void          sentinel_install(struct server *server);
MUST_USE bool sentinel_start(struct server *server, struct error *err);

struct driver *driver_of(const struct server *server);

/* ---- for the sentinel's commands and its INFO section; only after sentinel_start() ---- */

const struct world      *driver_world(const struct driver *driver); /* lends, until the next event */
const struct state_file *driver_state_file(const struct driver *driver);
struct scripts          *driver_scripts(const struct driver *driver);
int64_t                  driver_now_ms(const struct driver *driver); /* the machine's clock */
bool driver_is_started(const struct driver *driver); /* false while --check-config looks at it */
size_t driver_memory(const struct driver *driver);   /* bytes for the lines to all instances */

/* Feeds the machine and carries out what it wants. Never from within an action. */
void driver_step(struct driver *driver, struct event *event);

/* The same for an event that is answered: `on_answer` replies to the client, now or, the client blocked meanwhile,
 * later. */
typedef void driver_on_answer(struct client *client, const struct action *answer);
void         driver_ask(struct driver *driver, struct client *client, struct event *event, driver_on_answer *on_answer);

/* From within `on_answer`: this reply, and all later ones to the client, leave after the save of `sequence`; when that
 * fails they never do, and the client is closed. */
void driver_hold_replies(struct driver *driver, struct client *client, uint64_t sequence);
