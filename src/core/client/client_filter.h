/* Which clients CLIENT KILL and CLIENT LIST mean: their filters, read from arguments.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"
#include "core/client/client.h"

struct client_filter {
    struct slice     addr, laddr, name; /* data NULL: any */
    struct slice     user_name;
    const uint64_t  *ids;               /* count 0: any */
    size_t           id_count;
    uint64_t        *own_ids;           /* owned: client_filter_fini() */
    int              class;             /* enum client_class; -1: any */
    int64_t          min_age_s;         /* 0: any */
    bool             skip_me;
};

/* Reads "OPTION value ..." from argv[first] on. Borrows the arguments. False: `err` holds the error reply with its code. */
MUST_USE bool client_filter_read(struct client_filter *filter, struct client *client, int first, struct error *err);
void          client_filter_fini(struct client_filter *filter);
bool          client_filter_matches(const struct client_filter *filter, const struct client *client,
                                    const struct client *me);
/* "normal", "master", "primary", "replica", "slave", "pubsub"; -1: none of them. */
int client_class_find(struct slice name);
