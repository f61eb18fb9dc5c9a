/* Replies to writes that are held until so many replicas have confirmed them: repl-sync-replicas.
 *
 *     write executed -> its reply waits --- N replicas have it -----------> sent
 *                                      |--- repl-sync-timeout is over ---> error: the outcome is unknown
 *                                      '--- we become a replica, or are fenced ---> the same
 *
 * Fewer than N replicas are connected, or the sentinels forbid it (guard.h): the write is refused and not executed. Without a lease,
 * where there must be one, nothing that waits is sent either. Only replicas count that those who gave the lease know. How many, and what they must confirm, is as it
 * was when the write was executed; the timeout is the one in effect. The client's replies keep their order (client_hold).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/server.h"

struct replication;
struct sync_replies;

enum sync_level {
    SYNC_RECEIVED, /* in the replica's memory: it has executed them */
    SYNC_FSYNCED   /* in its append-only file, and that on its disk */
};

struct sync_replies *sync_replies_new(struct replication *replication); /* keeps. gives: sync_replies_free() */
void                 sync_replies_free(struct sync_replies **sync);

void                 sync_replies_stop(struct sync_replies *sync); /* the loop goes */

/* Parameters have new values. */
void sync_replies_apply(struct sync_replies *sync);
/* CLIENT SYNC-REPLICAS: this client's number; -1: the parameter's. Sets replication->uses_sync. */
void sync_replies_choose(struct sync_replies *sync, struct client *client, int64_t wanted);

/* The client wants to write. True: too few are there; it was told. */
bool sync_replies_refuse(struct sync_replies *sync, struct client *client, const struct command_entry *entry);
/* It has written, up to the end of the stream. NULL: nobody did. */
void sync_replies_hold(struct sync_replies *sync, struct client *client);
void sync_replies_serve(struct sync_replies *sync);   /* somebody acknowledged something */
enum sync_end { SYNC_NOT_PRIMARY, SYNC_FENCED };
void sync_replies_give_up(struct sync_replies *sync, enum sync_end why); /* nobody will confirm what waits now */
/* The smallest number of confirmations that anybody waits for, or has waited for where more are not there yet. 0: nobody does. */
size_t sync_replies_smallest(const struct sync_replies *sync);

/* INFO */
struct sync_replies_counts {
    size_t   held;                   /* now */
    uint64_t timed_out, abandoned, refused; /* unknown outcomes: by time, by change of role; and writes that were not executed */
};
void   sync_replies_get_counts(const struct sync_replies *sync, struct sync_replies_counts *counts);
void   sync_replies_reset_counts(struct sync_replies *sync);
size_t sync_replies_peers(struct sync_replies *sync); /* replicas that count, at the level in effect */
