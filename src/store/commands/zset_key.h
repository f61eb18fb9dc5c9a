/* A sorted set under a key as commands see it: read, opened and put back after an edit, stored as a result; and scores and
 * members as replies.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/tx/session.h"
#include "store/types/zset_value.h"

struct zset_rules zset_key_rules(const struct client *client);

/* For reading. False: WRONGTYPE was replied. An absent set has no object. */
MUST_USE bool zset_key_read(struct client *client, struct slice key, struct value *zset);

/* A set that is being changed. */
struct zset_key {
    struct slice name;
    struct spot  spot; /* no record: the key is absent */
    struct value zset; /* an absent one has no object until the command gives it one */
};
/* False: WRONGTYPE was replied. */
MUST_USE bool zset_key_open(struct client *client, struct slice name, struct zset_key *key);
/* After an edit: stores a new set, or removes one that has become empty, and tells of it. Nothing else may have happened
 * to the key meanwhile. `changes`: what is added to the count of changes. */
void zset_key_close(struct client *client, struct zset_key *key, const char *event, uint64_t changes);
/* An empty result removes the key. Takes the set. */
void zset_key_store(struct client *client, struct slice name, struct value *zset, const char *event);

/* As a double, in the digits of Redis 7.0. */
void zset_reply_score(struct client *client, double score);
/* The head of `count` members, and each of them: member and score are an array of their own in RESP3. */
void zset_reply_head(struct client *client, size_t count, bool with_scores);
void zset_reply_item(struct client *client, struct slice member, double score, bool with_scores);
