/* Who follows us: each replica's place in the stream, what it acknowledged, and what it is sent next.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/list.h"
#include "core/client/client.h"
#include "store/replication/backlog.h"

struct full_sync;
struct replication;
struct sync_file;

enum replica_state {
    REPLICA_INTRODUCED, /* REPLCONF told something; no PSYNC yet, so it is no replica */
    REPLICA_WAITS,      /* for a full synchronization to begin */
    REPLICA_SAVING,     /* the dataset is being written for it (and sent meanwhile, where that is diskless) */
    REPLICA_SENDING,    /* the file is being sent */
    REPLICA_ONLINE      /* the stream */
};

struct replica { /* owned by its client's session */
    struct list_node      node; /* among those that follow us */
    struct client        *client;
    enum replica_state    state;
    struct backlog_cursor cursor; /* what it is sent next, from REPLICA_SAVING on */
    int64_t  acked_offset, acked_ms; /* it has executed so much, said so then */
    int64_t  asked_ms;               /* it was asked for that (ask_early()) and said nothing since; 0: it has */
    int64_t  fsynced_offset;         /* of that its append-only file has so much; -1: it never said */
    int64_t  progress_ms;            /* bytes last left for it, or it began to wait ... */
    uint64_t progress_bytes;         /* ... which were then so many in all */
    bool     takes_eof, takes_psync2; /* REPLCONF capa */
    bool     starts_on_ack;           /* it says when it has loaded everything; the stream is kept for it until then */
    uint64_t counts_version;          /* sync_replies.c's: guard_version() when `counts` was found; 0: never */
    bool     counts;                  /* the sentinels that gave us the lease know it */
    bool     is_plain_sync;           /* it asked by SYNC: it gets the data and the stream, and acknowledges nothing */
    bool     only_rdb, without_keys;  /* REPLCONF rdb-only, rdb-filter-only: a tool that wants a dump file */
    int      port;                    /* told by it; 0: it did not */
    char     address[256];            /* told by it; "": the one it is seen under */
    struct sync_file *file;           /* REPLICA_SENDING: full_sync's */
    uint64_t          file_at;
};

struct replicas {
    struct replication *replication;
    struct full_sync   *full_sync;
    struct list         all;
    size_t              count;
    bool                has_news; /* somebody acknowledged something; set here, cleared by who looks */
    int64_t             left_ms;     /* since when there is none; 0: there never was one */
    int64_t             second_ms, pinged_ms, asked_ms; /* when that was done last */
    uint64_t            full, partial, refused; /* INFO sync_full, sync_partial_ok, sync_partial_err */
    uint64_t            sent_bytes; /* INFO total_net_repl_output_bytes, without those who are connected now */
};

struct replicas *replicas_new(struct replication *replication); /* keeps. gives: replicas_free() */
void             replicas_free(struct replicas **replicas);     /* clients are gone */

/* The client's entry; made when it has none. */
struct replica *replicas_entry(struct replicas *replicas, struct client *client);
void            replicas_add(struct replicas *replicas, struct replica *replica); /* it follows us now */
void            replicas_forget(struct replicas *replicas, struct client *client); /* the client goes; harmless */
void            replicas_hang_up(struct replicas *replicas);                       /* on all of them */

/* "REPLCONF ACK offset [FACK fsynced]". */
void replicas_acked(struct replicas *replicas, struct replica *replica, int64_t offset, int64_t fsynced);
/* Asks all of them how far they are, in the stream. */
void replicas_ask(struct replicas *replicas);

size_t replicas_count(const struct replicas *replicas);
/* That have executed (or, `fsynced`: have on their disk) the stream up to there. */
size_t replicas_count_at(const struct replicas *replicas, int64_t offset, bool fsynced);
/* Online, and not further behind than min-replicas-max-lag. */
size_t replicas_count_good(const struct replicas *replicas);
uint64_t replicas_sent_bytes(const struct replicas *replicas); /* since the start */
void   replicas_cron(struct replicas *replicas);
void   replicas_before_sleep(struct replicas *replicas); /* gives everybody what is new */
void   replicas_give_all(struct replicas *replicas);     /* at the end of the server: whatever there is */
/* "127.0.0.1", under which others may reach it too. */
enum { REPLICA_ADDRESS_SIZE = 256 };
void replicas_print_address(const struct replica *replica, char *text);
const char *replicas_state_name(const struct replica *replica); /* INFO: "online" */
void replicas_print(const struct replicas *replicas, struct bytes *out); /* INFO's lines: slave0:ip=...,port=... */
