/* One peer and its state: a connection that sends requests, or a fake client without one (AOF, scripts, the primary).
 *
 * The structure is shown because every command body reads it; only client.c, reply.c, blocked.c and dispatch.c write what
 * is not marked otherwise. Clients are owned by the server's list.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/list.h"
#include "core/command/command.h"

struct client_io;
struct blocked;
struct channel_member;
struct conn;
struct server;
struct user;

#define CLIENT_IS_REPLICA (1ull << 0)  /* it follows us (set by replication) */
#define CLIENT_IS_PRIMARY (1ull << 1)  /* we follow it */
#define CLIENT_IS_MONITOR (1ull << 2)  /* MONITOR */
#define CLIENT_IN_MULTI (1ull << 3)    /* set by tx */
#define CLIENT_DIRTY_WATCH (1ull << 4) /* a watched key changed: EXEC will fail */
#define CLIENT_DIRTY_EXEC (1ull << 5)  /* a queued command was refused: EXEC aborts */
#define CLIENT_IN_SCRIPT (1ull << 6)
#define CLIENT_IS_FAKE (1ull << 7)     /* has no connection */
#define CLIENT_LOADING (1ull << 8)     /* reads the AOF or RDB: no propagation, no stats */
#define CLIENT_IS_INTERNAL (1ull << 9) /* our own: never counted or listed */
#define CLIENT_REPLY_OFF (1ull << 10)
#define CLIENT_REPLY_SKIP_NEXT (1ull << 11)
#define CLIENT_REPLY_SKIP (1ull << 12)
#define CLIENT_CLOSE_ASAP (1ull << 13)        /* freed before the loop sleeps; nothing more is executed or sent */
#define CLIENT_CLOSE_AFTER_REPLY (1ull << 14) /* nothing more is executed; closed when the output was sent */
#define CLIENT_NO_EVICT (1ull << 15)
#define CLIENT_NO_TOUCH (1ull << 16)
#define CLIENT_READONLY (1ull << 17)  /* READONLY: its reads are answered by replicas, too */
#define CLIENT_REDIRECTS (1ull << 18) /* CLIENT CAPA redirect: it follows -REDIRECT */
#define CLIENT_BLOCKED (1ull << 19)
#define CLIENT_UNBLOCKED (1ull << 20) /* its waiting input is executed before the loop sleeps */
#define CLIENT_UNIX_SOCKET (1ull << 21)
#define CLIENT_NEVER_PROPAGATE (1ull << 22) /* e.g. a read-only script's fake client */
#define CLIENT_MULTI_WRITES (1ull << 24)    /* set by tx: a queued command writes, so EXEC counts as a write */
#define CLIENT_POSTPONED (1ull << 25)       /* its next request waits for the end of a pause */
#define CLIENT_TRACKING (1ull << 26)        /* it is told when keys that it has read change */
#define CLIENT_TRACKING_BCAST (1ull << 27)  /* ... or all keys with its prefixes */
#define CLIENT_TRACKING_BROKEN (1ull << 28) /* the connection that is to be told is gone */
#define CLIENT_PUSHING (1ull << 23)         /* inside a push: allowed although replies are off */

enum client_class { /* whose output-buffer limits apply; CLIENT LIST TYPE */
    CLIENT_NORMAL,
    CLIENT_REPLICA,
    CLIENT_PUBSUB,
    CLIENT_PRIMARY
};
enum { CLIENT_LIMITED_CLASSES = 3 }; /* a primary is never cut off for its output */

struct client {
    struct list_node node; /* in server->clients */
    struct server   *server;
    struct conn     *conn; /* NULL: fake */
    uint64_t         id;
    uint64_t         flags; /* CLIENT_... */

    /* ---- who it is ---- */
    struct user *user; /* never NULL once accepted: the default user at first */
    bool         is_authenticated;
    uint8_t      resp; /* 2 or 3 */
    int          db;   /* SELECT: set by the store */
    char        *name, *lib_name, *lib_version; /* NULL: none; owned */

    /* ---- the request being executed; valid during the body ---- */
    int                   argc;
    const struct slice   *argv;  /* slices of the query buffer: copy what is to be kept */
    struct slice          bytes; /* the request as it came, in RESP; empty when it came inline or from a fake client */
    struct command_entry *entry; /* NULL between requests */
    struct command_entry *last_entry; /* the one before, for CLIENT LIST's cmd= */

    /* ---- owned by others ---- */
    int64_t                tracking_redirect; /* CLIENT LIST's redir=: -1 it does not track, 0 it is told itself, else an id */
    void                  *mode_data; /* the mode's own state of this client, set in hooks->client_created */
    struct channel_member *channels;  /* pubsub/channel; NULL: no subscription ever */
    struct blocked        *blocked;   /* client/blocked; NULL: never blocked */
    uint64_t               monitor_filter; /* observe/monitor's */

    /* ---- accounting ---- */
    int64_t  created_ms, last_ms; /* monotonic: accepted, last input */
    uint64_t stream_waiting; /* of a replica: bytes of the stream that it was not sent yet, wherever they are; its limits are about
                                these. Set by replication */
    int64_t  soft_limit_since_ms; /* output above the soft limit since; 0: it is not */
    uint64_t bytes_in, bytes_out, commands;
    uint64_t executed_bytes, applied_bytes; /* of a primary's input: what was executed, and of that what lies before a
                                               transaction that has not ended */
    size_t   memory_bytes;        /* as last counted by client_memory(), part of the server's sums */
    uint8_t  memory_class;

    struct client_io *io; /* buffers and parser: client.c's and reply.c's; never NULL */
};

/* ---- life ---- */
/* Makes a client of an accepted connection and watches it. Refuses (error reply, close, *conn is NULL) beyond maxclients and
 * in protected mode. NULL: refused. Takes the connection. */
struct client *client_accept(struct server *server, struct conn **conn);
/* Makes a client of a connection that we dialled, to a primary: whatever it sends is executed, and nothing is replied but
 * what client_tell() adds. Takes the connection, which is established. */
struct client *client_adopt(struct server *server, struct conn **conn);
void           client_tell(struct client *client, struct slice bytes); /* to a peer that gets no replies */
/* A client without a connection: input by setting argc/argv and dispatch_call(), output by reply_take() or, with
 * CLIENT_REPLY_OFF, none. Gives: client_free(). */
struct client *client_new_fake(struct server *server);
/* Frees at once. Only for code that is not inside this client's command or callback; others use client_close_asap(). */
void client_free(struct client **client);
void client_close_asap(struct client *client);
/* Sends what is there (and what the running body still adds), then closes. */
void client_close_after_reply(struct client *client);
/* Its argument vector is replaced during the running body (MULTI/EXEC). Keeps argv until the next call or the body's end. */
void client_set_request(struct client *client, int argc, const struct slice *argv, struct slice bytes);
/* Gives the memory of a large argument (32 KiB and more) that was read into a block of its own: `*headroom` free bytes,
 * the argument, two free bytes; mem_free(). argv still points into it. NULL: it lies in the query buffer, copy it. */
enum { CLIENT_ARGUMENT_HEADROOM = 24 }; /* what a mode puts before a text that it keeps: the head of a string */
char *client_take_argument(struct client *client, int place, size_t *headroom);
/* Executes complete requests of the query buffer until it is used up or the client blocks. False: the client was freed. */
bool client_execute_input(struct client *client);
/* Bytes as if they had come from the peer: tests, and the replication link. */
void client_feed(struct client *client, struct slice bytes);

/* ---- the connection's state back to that of a new one (RESET), except authentication where no password is needed ---- */
void client_reset(struct client *client);

/* Cuts the client off when its output is over the limits of its class. Dispatch and the write before the sleep do it; who
 * adds to the output of others (messages, a replication stream) does it too. Cheap while the output is small. */
void client_check_output_limits(struct client *client);

/* ---- asking ---- */
enum client_class client_class(const struct client *client);
bool              client_has_subscriptions(const struct client *client);
size_t            client_memory(struct client *client); /* bytes for everything it has, and updates the server's sums */
/* "127.0.0.1:53412", "[::1]:53412", "/path:0"; what a fake client has is "?:0". `text` holds CLIENT_ADDRESS_SIZE. */
enum { CLIENT_ADDRESS_SIZE = 192 };
void client_peer_text(const struct client *client, char *text);
void client_local_text(const struct client *client, char *text);
/* One line of CLIENT LIST, without a line end. */
void client_describe(struct client *client, struct bytes *out);
/* NULL: no such client. */
struct client *client_find(const struct server *server, uint64_t id);
/* False: the name has characters that are not allowed. Empty: no name any more. */
MUST_USE bool client_set_name(struct client *client, struct slice name);

/* Its request line for logs and MONITOR is somebody else's: this is only "cmd|sub" of the last command, "NULL" if none. */
const char *client_last_command(const struct client *client);
