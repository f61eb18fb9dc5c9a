/* What changes the data, as the commands that repeat it: told to the append-only file and to replicas.
 *
 * Commands (as they came, rewritten, or added to), keys past their deadline and keys that made room arrive here in the order in
 * which they took effect. They are put into RESP once, whoever takes them. Those that belong together lie between MULTI
 * and EXEC. While nobody takes them nothing is collected.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/list.h"

struct client;
struct databases;
struct effects;
struct server;

enum { EFFECT_ANY_DATABASE = -1 }; /* MULTI, EXEC */

struct effect {
    int          db;    /* in which it is to be executed, or EFFECT_ANY_DATABASE */
    struct slice bytes; /* one command in RESP */
    bool         is_for_replicas; /* ... only: it changes no data */
};

struct effects_batch {
    const struct effect *effects; /* lent during the call */
    size_t               count;
    bool                 is_for_replicas; /* all of them are */
    struct client       *client; /* whose command it was; NULL: nobody's (expiry, eviction) */
};

/* Somebody who takes them. `take` must not execute commands. */
struct effects_sink {
    struct list_node node;
    void            *context;
    void (*take)(void *context, const struct effects_batch *batch);
};

/* Registers its hooks with the server and the databases. Keeps both. gives: effects_free() */
struct effects *effects_new(struct server *server, struct databases *databases);
void            effects_free(struct effects **effects);

/* From the next effect on. Keeps the sink until it is removed. Told in the order of adding. */
void effects_add_sink(struct effects *effects, struct effects_sink *sink);
void effects_remove_sink(struct effects *effects, struct effects_sink *sink); /* harmless when it was not added */

/* "SELECT db" in RESP. Adds. */
void effects_print_select(struct bytes *out, int db);
