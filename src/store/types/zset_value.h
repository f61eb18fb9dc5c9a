/* A sorted set: members with scores, packed in one block while it is small, then a table of members and a tree of their
 * order.
 *
 * The forms' OBJECT ENCODING is "listpack", which the packed form's dump is, and "skiplist", whose place the tree has. Members are ordered by score, those of the same score as memcmp() does.
 * A sorted set is a `struct value` of type VALUE_ZSET whose encoding and object an edit may change: put it back into the
 * key's record afterwards (record_update_object()).
 *
 * To save one: a packed one as zset_value_to_listpack(); of any, all pairs in order are
 *     struct zset_walk walk;
 *     struct zset_item item;
 *     zset_walk_start(&walk, &zset, 0, zset_value_count(&zset), false);
 *     while (zset_walk_next(&walk, &item)) save(item.member, item.score);
 * To load one: zset_value_from_listpack(), or zset_value_new() and zset_value_set() for each pair, quickest in order.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/listpack.h"
#include "base/random.h"
#include "store/types/value.h"
#include "store/types/zset_tree.h"

struct hash_key;
struct zset_pack_entry;

struct zset_rules { /* zset-max-listpack-entries and -value; what tables are keyed with (kept) */
    size_t                 max_entries, max_member_bytes;
    const struct hash_key *hash_key;
};

/* Empty. `member_bytes`: of the first member; `count`: of members that are to come, 0 where unknown: a set that cannot be
 * packed begins in the large form. gives: value_free_object() */
struct value zset_value_new(const struct zset_rules *rules, size_t count, size_t member_bytes);
void         zset_value_free(struct value *zset);
size_t       zset_value_count(const struct value *zset);
/* False: there is no such member. */
bool zset_value_score(const struct value *zset, struct slice member, double *score);
/* Adds the member or changes its score (not NaN). True: it is new. */
bool zset_value_set(struct value *zset, const struct zset_rules *rules, struct slice member, double score);
bool zset_value_remove(struct value *zset, struct slice member); /* false: was not there */

/* The same in two steps: what was found is good until the set changes. */
struct zset_spot {
    struct record                *record; /* of a large set */
    uint64_t                      hash;
    const struct zset_pack_entry *entry; /* of a packed one */
};
bool zset_value_find(const struct value *zset, struct slice member, struct zset_spot *spot, double *score);
/* The member was not found. */
void zset_value_add(struct value *zset, const struct zset_rules *rules, struct slice member, double score,
                    const struct zset_spot *spot);
/* It was found. */
void zset_value_change(struct value *zset, struct slice member, double score, const struct zset_spot *spot);
/* Removes the members of the ranks [rank, rank + count), which are there. */
void zset_value_remove_range(struct value *zset, size_t rank, size_t count);

/* Members in order have the ranks 0, 1, 2 ... This is how many lie before the bound: O(log n). */
size_t zset_value_rank(const struct value *zset, const struct zset_bound *bound);

struct zset_item { /* not to be copied: the member may lie in it */
    struct slice member;
    double       score;
    char         buffer[NUMBER_TEXT_SIZE];
};
struct zset_walk { /* the set must not change meanwhile */
    const struct value           *zset;
    size_t                        left;
    bool                          is_backwards;
    const struct zset_pack_entry *entry;
    struct zset_place             place;
};
/* `count` members from `rank` on, onwards or backwards; those that are not there are left out. */
void zset_walk_start(struct zset_walk *walk, const struct value *zset, size_t rank, size_t count, bool is_backwards);
/* Lends the member until the set or the item changes. False: the walk is over. */
bool zset_walk_next(struct zset_walk *walk, struct zset_item *item);

/* ZSCAN: passes some members and moves the cursor on; false: complete (cursor 0 again). As key_table_scan(); a packed set
 * is passed at once, with its scores as they are kept. */
typedef void zset_each(void *context, struct slice member, struct slice score);
bool zset_value_scan(const struct value *zset, uint64_t *cursor, zset_each *each, void *context);

/* Of bytes from outside that are a listpack (listpack_is_valid()): pairs, members differ, scores are numbers and ascend.
 * O(n log n). */
MUST_USE bool zset_value_check_listpack(const struct listpack *listpack);
/* The set of such a listpack, large if the rules want it so. */
struct value zset_value_from_listpack(const struct listpack *listpack, const struct zset_rules *rules);
/* What Redis keeps a small set as: member, score, member, score ... gives: mem_free(). Of a packed set. */
struct listpack *zset_value_to_listpack(const struct value *zset);
/* Packs a large set that the rules allow to be packed (what ZUNIONSTORE does with its result). */
void zset_value_pack(struct value *zset, const struct zset_rules *rules);

/* The forms, for value.c. A packed set is one block. */
void  *zset_value_copy_packed(const void *object);
void   zset_value_free_large(void *object);
size_t zset_value_large_effort(const void *object);
size_t zset_value_large_memory(const void *object); /* estimated from some of the members */
void  *zset_value_copy_large(const void *object);
/* As value_defrag_object(). The nodes of the order stay where they are: they are large, and all the same. */
void  *zset_value_defrag_large(void *object, uint64_t *cursor, size_t *moved, size_t *left);
