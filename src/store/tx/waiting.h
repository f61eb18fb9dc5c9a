/* Clients that wait until a key has something for them: BLPOP, BZPOPMIN, XREAD BLOCK and their like.
 *
 * How a command waits. Its body first tries; when there is nothing:
 *
 *     static const struct waiting_kind waits_for_pop = {.type = VALUE_LIST, .try_serve = try_pop};
 *     ...
 *     if (!waiting_deadline(client, client->argc - 1, &deadline_ms)) return;          (read before trying)
 *     if (!waiting_start(client, &waits_for_pop, 1, client->argc - 2, deadline_ms, NULL)) reply_null_array(client);
 *
 * Nothing else is to be done by those who write: keyspace_changed() notes that a key somebody waits for has changed
 * (commands that replace everything call waiting_touch_all()). After the command, or the whole EXEC, and its propagation, the
 * keys that became ready are visited in the order in which they did, and at each key its clients in the order in which they
 * began to wait, until nothing is left. What serving one of them makes ready (BLMOVE) comes after that.
 *
 * Invariants: W1 a client waits at most once; W2 keyspace->waited holds exactly the keys that somebody waits for.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/types/value.h"

struct client;
struct databases;
struct keyspace;
struct record;
struct server;
struct session;
struct waiting;

struct waiting_kind {
    /* Tried when the key holds a value of this type ... */
    enum value_type type;
    /* ... and after any change that leaves it without one (absent, or another type: `record` may be NULL): XREADGROUP's
     * group has gone with the key. */
    bool when_gone;
    /* The key argv[place] may have what the client waits for. Runs like the body of its command: client->argv is the request
     * again and session_keyspace() its database; it replies (an error too), changes the key, tells keyspace_changed(), counts
     * server->dirty and calls dispatch_rewrite() with the plain command that it amounts to (BLPOP: LPOP).
     * False: nothing was done, the client waits on. `record` is the key's, as keyspace_open() found it. */
    bool (*try_serve)(struct client *client, int place, struct record *record, void *context);
    void (*free_context)(void *context); /* NULL: there is nothing to be freed */
};

/* Begins to wait for the keys argv[first_key .. first_key + key_count) of the client's database; a copy of the request is
 * kept. The body returns without a reply. `deadline_ms`: from waiting_deadline(). Keeps `kind`, takes `context`.
 * When the time is up the reply is a null array, as the established server has it for all these commands.
 * False: this client must not wait (EXEC, a script, a link); the body replies as if the time were up. */
MUST_USE bool waiting_start(struct client *client, const struct waiting_kind *kind, int first_key, int key_count,
                            int64_t deadline_ms, void *context);

/* Argument `place` as a time from now on, in seconds ("0.1") or in whole milliseconds: a deadline on the monotonic clock;
 * 0: for ever. False: replied. */
MUST_USE bool waiting_deadline(struct client *client, int place, int64_t *deadline_ms);
MUST_USE bool waiting_deadline_of_ms(struct client *client, int place, int64_t *deadline_ms);

/* ---- for the store ---- */

struct waiting *waiting_new(struct server *server, struct databases *databases); /* gives: waiting_free(); keeps both */
void            waiting_free(struct waiting **waiting);                          /* no client waits any more */
/* A key changed (keyspace hook). */
void waiting_touch(struct waiting *waiting, struct keyspace *keyspace, struct slice key);
/* Everything in the database was removed, or replaced (SWAPDB): after it happened. */
void waiting_touch_all(struct waiting *waiting, struct keyspace *keyspace);
/* Serves whom it can; not inside a command. Cheap when nothing is ready. */
void waiting_serve(struct waiting *waiting);

size_t waiting_memory(const struct session *session); /* bytes kept while its client waits */
/* Keys that clients wait for, in all databases, and those whose end somebody wants to know. */
size_t waiting_key_count(const struct waiting *waiting, size_t *when_gone);
