/* Our primary: the connection to it, from dialling to the stream, and back to dialling when it breaks.
 *
 *     none -> waiting -> resolving -> dialling (handshake) -> receiving -> loading -> up
 *               ^                          |___________________________________________^ (resumed)
 *               +---- any of them broke: at once after a link that was up, else once a second
 *
 * Drives the handshake over net/conn, keeps the payload in a sync_in, and gives the connection to stream_in.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "store/replication/handshake.h"
#include "store/replication/sync_in.h"

struct address;
struct client;
struct databases;
struct server;
struct upstream;

enum upstream_state {
    UPSTREAM_NONE, /* we follow nobody */
    UPSTREAM_WAITING,
    UPSTREAM_RESOLVING,
    UPSTREAM_DIALLING,
    UPSTREAM_RECEIVING,
    UPSTREAM_LOADING,
    UPSTREAM_UP,
    UPSTREAM_STATES
};

/* How to dial, as of now. Texts are borrowed until the next call. */
struct upstream_plan {
    const char *user, *password, *announce_ip; /* NULL: none */
    int         announce_port;
    const char *id;   /* the history to be resumed; NULL: a full synchronization is needed */
    int64_t     next; /* first byte of it that is lacking */
    bool        is_failover;
    bool        uses_tls;
    bool        no_delay;
    int64_t     timeout_ms;
};

struct upstream_hooks {
    void *context;
    void (*plan)(void *context, struct upstream_plan *plan);
    /* The primary sends everything: those who follow us will have to get everything, too. `id` "" and -1: unknown. */
    void (*begins_sync)(void *context, const char *id, int64_t offset);
    /* How the payload is to be taken; from now on it comes. `is_marked`: its size is unknown, it does not come from a file. */
    void (*sync_settings)(void *context, struct sync_in_settings *settings, bool is_marked);
    void (*replaced)(void *context);
    /* The data is there. Before the stream begins. */
    void (*synced)(void *context, const char *id, int64_t offset);
    void (*sync_failed)(void *context, bool has_lost_data);
    /* The stream goes on where we asked for; `id`: the history's new name, or "" */
    void (*resumed)(void *context, const char *id);
    void (*applied)(void *context, struct slice bytes); /* of the stream */
    void (*lost)(void *context, bool is_broken); /* it broke the protocol: nothing is known of where it is */
    bool (*select)(void *context, struct client *client, int64_t number);
    /* PSYNC was refused, or answered in another way than a FAILOVER allows. */
    void (*refused)(void *context, const char *why);
};

struct upstream *upstream_new(struct server *server, struct databases *databases, const struct upstream_hooks *hooks); /* keeps. gives */
void             upstream_free(struct upstream **upstream);

/* Another primary, or the same again: dials at once. `db`: chosen in the stream that may be resumed. */
void upstream_follow(struct upstream *upstream, const char *host, int port, int db);
void upstream_suspend(struct upstream *upstream); /* hangs up and dials no more, until upstream_redial() */
void upstream_stop(struct upstream *upstream); /* follows nobody. The database stays: upstream_db() */
void upstream_redial(struct upstream *upstream); /* hangs up and dials again at once */
void upstream_acknowledge(struct upstream *upstream);
void upstream_cron(struct upstream *upstream); /* several times a second */

enum upstream_state upstream_state(const struct upstream *upstream);
const char         *upstream_host(const struct upstream *upstream); /* NULL: follows nobody. Lends */
int                 upstream_port(const struct upstream *upstream);
bool                upstream_is_talking(const struct upstream *upstream); /* UPSTREAM_DIALLING: it is connected, hands are shaken */
int                 upstream_db(const struct upstream *upstream);
struct stream_in   *upstream_stream(struct upstream *upstream);
const char         *upstream_id(const struct upstream *upstream); /* that the primary named for what it sends; "" */
uint64_t            upstream_bytes(const struct upstream *upstream); /* that primaries ever sent */
const struct sync_in *upstream_sync(const struct upstream *upstream); /* NULL: nothing comes in */

struct upstream_progress { /* of the payload */
    int64_t total_bytes, received_bytes; /* total -1: unknown */
    int64_t heard_ms;                    /* monotonic; of the last bytes in any state; 0: never */
    int64_t down_since_ms;               /* monotonic; 0: it is up, or never was */
};
void upstream_get_progress(const struct upstream *upstream, struct upstream_progress *progress);

/* What the server's hooks tell. */
void upstream_client_freed(struct upstream *upstream, struct client *client);
