/* A client that waits, for a key, an offset, a shutdown or a time, and how it goes on.
 *
 * A body that has to wait calls blocked_start() and returns without a reply; dispatch then stops executing the client's
 * input. Whoever sees the awaited fact replies and calls blocked_end(): the rest of the input is executed before the loop
 * sleeps next.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/heap.h"
#include "core/client/client.h"

enum blocked_by { BLOCKED_NONE, BLOCKED_BY_KEY, BLOCKED_BY_WAIT, BLOCKED_BY_SHUTDOWN, BLOCKED_BY_OTHER, BLOCKED_BY_COUNT };

struct server;

struct blocked_ops {
    enum blocked_by by;
    /* The time is up: replies (a null array, an integer ...). Called by core, which then ends the blocking. */
    void (*on_timeout)(struct client *client, void *context);
    /* It ends for whatever reason (timeout, CLIENT UNBLOCK, blocked_end, disconnect): drop what `context` holds. */
    void (*on_end)(struct client *client, void *context);
    /* CLIENT UNBLOCK may be used on it. */
    bool can_unblock;
};

/* The moment on the monotonic clock that is `timeout_ms` (0 and more) after now, rounded up: nobody waits for less than was
 * asked for. 0 for 0, which means for ever; INT64_MAX for what is further away than can be said. */
int64_t blocked_deadline(struct server *server, int64_t timeout_ms);

/* `deadline_ms`: from blocked_deadline(). Keeps `ops` and `context`. */
void blocked_start(struct client *client, const struct blocked_ops *ops, void *context, int64_t deadline_ms);
/* After the reply was added. */
void blocked_end(struct client *client);
bool blocked_is(const struct client *client);
enum blocked_by blocked_reason(const struct client *client);

/* CLIENT UNBLOCK: as if the time were up (`error` NULL), or with this error. False: it is not blocked by what can be. */
bool blocked_unblock(struct client *client, const char *error);

/* Every client blocked by `by` gets this error ("UNBLOCKED force unblock ...") and goes on: role change, shutdown aborted. */
void blocked_end_all(struct server *server, enum blocked_by by, const char *error);
size_t blocked_count(const struct server *server); /* INFO clients: blocked_clients */
size_t blocked_deadline_count(const struct server *server); /* those of them that wait for a limited time */
