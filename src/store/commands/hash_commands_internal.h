/* What the files of hash commands share: finding the hash of argument 1, without the fields that have ended, and editing it.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/keyspace/field_expire.h"
#include "store/types/hash_value.h"

struct client;

struct hash_rules hash_rules_of(const struct client *client);
/* The hash, to be read. False: WRONGTYPE. `*is_there` is false for an absent key. */
bool hash_read(struct client *client, struct value *hash, bool *is_there);

/* A hash that is being changed. An absent one exists from hash_edit_begin() on and is stored by hash_edit_store(). */
struct hash_edit {
    struct spot       spot; /* record NULL: absent */
    struct value      hash;
    struct hash_rules rules;
    struct hash_room  room; /* for the hash, while it is short */
};
bool hash_edit_open(struct client *client, struct hash_edit *edit); /* false: WRONGTYPE */
bool hash_edit_find(const struct hash_edit *edit, struct slice field, struct hash_item *item);
void hash_edit_begin(struct hash_edit *edit);
void hash_edit_store(struct client *client, struct hash_edit *edit);
/* After storing and telling: a hash without fields goes, with its event. */
void hash_edit_drop_empty(struct client *client, struct hash_edit *edit);
void hash_changed(struct client *client, const char *event, uint64_t changes);
