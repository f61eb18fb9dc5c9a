/* How the machine speaks: events, requests and answers become actions here.
 *
 * Every function may be called only during a step (world->actions is set).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

/* Publishes an event with the established payload and runs the notification script where the level asks for it.
 * outbox_event: the payload is what the format says, `primary` (may be NULL) only whose script runs.
 * outbox_instance: "<type> <name> <ip> <port>", for others than primaries " @ <primary> <ip> <port>", then the format
 *   after a blank (unless it is empty). `primary` says of which primary a sentinel is meant; else it may be NULL.
 * outbox_primary: the same about the current primary. */
void outbox_event(struct world *world, struct primary *primary, enum sentinel_event event, const char *format, ...)
    PRINTF_LIKE(4, 5);
void outbox_instance(struct world *world, const struct instance *instance, struct primary *primary,
                     enum sentinel_event event, const char *format, ...) PRINTF_LIKE(5, 6);
void outbox_primary(struct primary *primary, enum sentinel_event event, const char *format, ...) PRINTF_LIKE(3, 4);

/* The client-reconfig script, when there is one. */
void outbox_reconfig_script(struct primary *primary, bool leader, const char *from_host, uint16_t from_port,
                            const char *to_host, uint16_t to_port);

/* Requests on the command line of an instance, which must be open (false: it is not, or too much is pending; nothing
 * was sent). The request is remembered until it is answered or the line goes down. */
struct request *outbox_ping(struct world *world, struct instance *instance);
struct request *outbox_info(struct world *world, struct instance *instance, bool replication_only);
struct request *outbox_publish(struct world *world, struct instance *instance, struct primary *primary,
                               struct slice payload);
struct request *outbox_ask(struct world *world, struct instance *peer, struct primary *primary, uint64_t epoch,
                           bool vote);
struct request *outbox_promote(struct world *world, struct instance *replica, uint64_t epoch);
struct request *outbox_repoint(struct world *world, struct instance *replica, const char *host, uint16_t port,
                               uint64_t epoch);
struct request *outbox_settle(struct world *world, struct instance *instance);
struct request *outbox_script_kill(struct world *world, struct instance *instance);
struct request *outbox_handover(struct world *world, struct instance *primary, const char *host, uint16_t port,
                                int64_t timeout_ms, uint64_t epoch);
/* CLIENT PAUSE ... WRITE and then INFO: what the primary has when it takes no more writes. */
struct request *outbox_stop_writes(struct world *world, struct instance *primary, int64_t for_ms, uint64_t epoch);
struct request *outbox_let_write(struct world *world, struct instance *instance); /* CLIENT UNPAUSE */
struct request *outbox_handover_abort(struct world *world, struct instance *primary);
struct request *outbox_forget(struct world *world, struct instance *peer, const struct primary *primary,
                              struct slice host, int64_t port);
struct request *outbox_census(struct world *world, struct instance *peer, const struct primary *primary);
struct request *outbox_identify(struct world *world, struct instance *peer);

/* Guarded sets (guard.h). The lease names the primary's replicas that are `named`. */
struct request *outbox_lease(struct primary *primary, int64_t ms, int64_t stamp);
struct request *outbox_fence(struct world *world, struct instance *replica, uint64_t epoch);
/* After CLIENT PAUSE for so long, unless that is 0. */
struct request *outbox_fence_primary(struct world *world, struct instance *primary, uint64_t epoch, int64_t pause_ms);
struct request *outbox_release(struct world *world, struct instance *instance, uint64_t epoch);
struct request *outbox_named(struct world *world, struct instance *peer, const struct primary *primary);
struct request *outbox_abandon(struct world *world, struct instance *peer, const struct primary *primary, uint64_t epoch);

struct line_patience {
    int64_t connect_ms, answer_ms, unacked_ms; /* see ACTION_CONNECT */
};
void outbox_connect(struct world *world, struct instance *instance, enum line_kind line, const struct line_patience *patience);
void outbox_disconnect(struct world *world, struct instance *instance, enum line_kind line);

void outbox_ok(struct world *world, uint64_t token);
void outbox_error(struct world *world, uint64_t token, const char *format, ...) PRINTF_LIKE(3, 4);
void outbox_count(struct world *world, uint64_t token, int64_t count);
/* No vote. */
void outbox_no_vote(struct world *world, uint64_t token, bool down);
/* Our vote in this primary, not to leave before that save (0: at once). */
void outbox_vote(struct primary *primary, uint64_t token, bool down, uint64_t sequence);
