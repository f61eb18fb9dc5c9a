/* Remembers which clients have read which keys and tells them when these change, so that they can keep copies (CLIENT
 * TRACKING).
 *
 * Two ways: by default every key that a client reads is remembered with its id until the key changes; with BCAST the
 * client hears of every change under its prefixes, collected until the loop sleeps. The message is a push in RESP3, or a
 * pub/sub message on __redis__:invalidate to another connection (REDIRECT). A client's own changes reach it after the
 * reply of the command that made them.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/error.h"

struct client;
struct command_entry;
struct server;
struct tracking;

enum tracking_flags { /* what a client asked for */
    TRACKING_BCAST = 1 << 0,
    TRACKING_OPTIN = 1 << 1,   /* only reads after CLIENT CACHING YES are remembered */
    TRACKING_OPTOUT = 1 << 2,  /* all but those after CLIENT CACHING NO */
    TRACKING_NOLOOP = 1 << 3,  /* not told of its own changes */
    TRACKING_CACHING = 1 << 4, /* CLIENT CACHING was called for what comes next */
    TRACKING_BROKEN = 1 << 5   /* the client to redirect to is gone */
};

/* A client's side: session->tracker, NULL while it does not track. tracking.c's. */
struct tracker {
    unsigned      flags;
    uint64_t      redirect; /* id of the client that is told; 0: this one */
    struct table *prefixes; /* BCAST: those that are its own */
};

/* Keeps all. `max_keys`: how many keys are remembered at most, 0: any number. `is_used` is set while somebody tracks, so
 * that changes need not be told otherwise. gives: tracking_free(), after the clients */
struct tracking *tracking_new(struct server *server, const uint64_t *max_keys, bool *is_used);
void             tracking_free(struct tracking **tracking);

/* CLIENT TRACKING ON. `prefixes` (BCAST; none: every key) are copied and added to those it has. */
void tracking_start(struct tracking *tracking, struct client *client, unsigned flags, uint64_t redirect,
                    const struct slice *prefixes, size_t count);
void tracking_stop(struct tracking *tracking, struct client *client); /* nothing where it does not track */
/* False: one of the prefixes begins with another one, or with one that the client has; `err` is the reply. */
MUST_USE bool tracking_prefixes_fit(const struct client *client, const struct slice *prefixes, size_t count,
                                    struct error *err);

/* A command of this client, which tracks, was executed. */
void tracking_executed(struct tracking *tracking, struct client *client, const struct command_entry *entry);
/* A key changed, ended or was evicted. */
void tracking_key_changed(struct tracking *tracking, struct slice key);
void tracking_all_changed(struct tracking *tracking); /* a database was emptied or exchanged */

void tracking_settled(struct tracking *tracking);      /* no command is running: what waited for its reply is sent */
void tracking_before_sleep(struct tracking *tracking); /* sends what BCAST collected */
/* Forgets keys beyond the limit, for a bounded time; their clients are told. */
void tracking_cron(struct tracking *tracking);

size_t tracking_clients(const struct tracking *tracking);
size_t tracking_keys(const struct tracking *tracking);     /* remembered */
size_t tracking_items(const struct tracking *tracking);    /* clients of all keys */
size_t tracking_prefixes(const struct tracking *tracking);
