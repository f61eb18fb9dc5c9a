/* A hash table whose members lie packed in blocks: what large sets and hashes (and whoever else has many short keys with
 * short values) are kept in.
 *
 * A member is a key, a value (perhaps empty) and perhaps a deadline. It has no allocation of its own: all members of a
 * bucket, about 12, lie in one block, which grows by the allocator's size classes.
 *
 *     directory -> block: [capacity u16][used u16][count u16][-] slot slot slot ...  free ...  entry entry entry
 *                  slot:  [hash bits 8..23 | distance of the entry from the end u16]    the newest entry is the lowest
 *                  entry: [far:1 | deadline:1 | key size:6, 63: u16 follows][deadline: 8 bytes][key][value]
 *                         far: [that byte][deadline][pointer to an allocation with key and value], when they are long
 *
 * One comparison of the slots finds the entry. The directory is a linear hash table, as key_table is: a bucket is split or
 * merged at a time, so that there is no pause at any size, and the hash bits in the slots make most splits cheap.
 *
 * Nothing in it stays where it is when it is changed: what is lent is good until the next change.
 *
 * Invariants: M1 a block has a member, else it is not there. M2 entries lie in the order of their slots, without gaps.
 * M3 as T3 of key_table.h.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/hash.h"
#include "base/random.h"

struct member_table;

enum { MEMBER_NEVER = -1 }; /* no deadline */

struct member { /* lends */
    struct slice key, value;
    int64_t      deadline_ms;
};
typedef void member_each(void *context, const struct member *member); /* a function; it must not change the table */

/* `key` (kept) is what the members are hashed with. gives: member_table_free() */
struct member_table   *member_table_new(const struct hash_key *key);
void                   member_table_free(struct member_table **table);
struct member_table   *member_table_copy(const struct member_table *table); /* gives */
size_t                 member_table_count(const struct member_table *table);
const struct hash_key *member_table_hash_key(const struct member_table *table);
size_t                 member_table_memory(const struct member_table *table); /* bytes, all of them. O(1) */
size_t                 member_table_blocks(const struct member_table *table); /* allocations, about. O(1) */

static inline uint64_t member_table_hash(const struct hash_key *hash_key, struct slice key) {
    return hash_slice(hash_key, key);
}

/* Begins to fetch what a lookup of this hash reads: the directory, then (some time later each) the block, the entry. */
void member_table_prefetch(const struct member_table *table, uint64_t hash);
void member_table_prefetch_block(const struct member_table *table, uint64_t hash);
void member_table_prefetch_entry(const struct member_table *table, uint64_t hash);
/* `*member` may be NULL. */
bool member_table_find(const struct member_table *table, struct slice key, uint64_t hash, struct member *member);
/* Adds a key without value and deadline. False: it is there already (and stays as it is). */
bool member_table_add(struct member_table *table, struct slice key, uint64_t hash);
/* Sets value and deadline (MEMBER_NEVER: none) of the key. True: it is new. Neither may lie in the table. */
bool member_table_put(struct member_table *table, struct slice key, uint64_t hash, struct slice value, int64_t deadline_ms);
/* Only the deadline. False: there is no such key. */
bool member_table_set_deadline(struct member_table *table, struct slice key, uint64_t hash, int64_t deadline_ms);
/* False: there is no such key. `key` may lie in the table. */
bool member_table_remove(struct member_table *table, struct slice key, uint64_t hash);

/* Calls `each` for the members of the bucket that `*cursor` names and moves the cursor on; false when the walk is complete
 * (cursor 0 again). Whatever is in the table during a whole walk is seen at least once, whatever is changed meanwhile. */
bool member_table_scan(const struct member_table *table, uint64_t *cursor, member_each *each, void *context);
/* Every member has the same chance. False: the table is empty. */
bool member_table_random(const struct member_table *table, struct random *random, struct member *member);
/* Calls `each` for the members whose hash may begin with these 40 low bits: the right ones and perhaps some others. */
void member_table_each_like(const struct member_table *table, uint64_t hash, member_each *each, void *context);
/* Moves what lies scattered (mem_defrag()) in some buckets from `*cursor` on and moves the cursor; 0 again: the walk is
 * complete. Adds to `*moved` and `*left` how many blocks it moved and left. */
void member_table_defrag(struct member_table *table, uint64_t *cursor, size_t *moved, size_t *left);
/* Stops the process when an invariant does not hold (tests). O(n). */
void member_table_check(const struct member_table *table);
