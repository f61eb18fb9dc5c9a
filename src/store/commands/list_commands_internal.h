/* What the commands on the ends of lists share with those on the middle: finding a list, telling that it changed.
 *
 * Included by list_commands.c and list_ends_commands.c only. A function that returns false has replied.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/keyspace/keyspace.h"
#include "store/types/list_value.h"

struct client;

struct list_rules list_commands_rules(const struct client *client);
/* False: WRONGTYPE. `spot->record` is NULL for an absent key. */
MUST_USE bool list_commands_open(struct client *client, struct slice key, struct spot *spot, struct value *list);
/* The list was edited: it is put back, and others are told. */
void list_commands_changed(struct client *client, struct slice key, const struct spot *spot, const struct value *list,
                           const char *event, uint64_t changes);
/* The key goes with the last element. */
void list_commands_drop_if_empty(struct client *client, struct slice key, const struct value *list);
/* A number of at least `least`; else this error. */
MUST_USE bool list_commands_argument_at_least(struct client *client, int place, int64_t least, int64_t *out,
                                              const char *error);
