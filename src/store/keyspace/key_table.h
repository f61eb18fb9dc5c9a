/* The hash table from keys to records: cache-line buckets, and growth by one bucket at a time.
 *
 * A bucket is 64 bytes, eight slots of a word each:
 *
 *     63            48 47   46                     4 3      0
 *     [ hash bits 12..27 | link | pointer (16-aligned) | hash bits 28..31 ]
 *
 * so that one comparison of a cache line finds the key's slot, and the record is touched only when 20 bits of its hash
 * agree. A bucket with more than eight records has seven and, in its last slot, a link to an overflow bucket.
 *
 * It is a linear hash table (Litwin 1980): with 2^L + s buckets, bucket s is the next to be split, in two, when records
 * are added, and the last bucket the next to be merged when they are removed. There is no moment at which the table is
 * rehashed, no second table and no pause: an insertion splits one bucket at most, and between level 12 and 27 the bit
 * that tells where a record goes is in its slot, so the records are not touched. Buckets lie in chunks of 64 KiB.
 *
 * Invariants: T1 a slot is 0 or holds a record or (only the last) a link. T2 a chain is compact: only its last bucket has
 * empty slots, those are at its end, and an overflow bucket has at least two records. T3 the slots before s and from
 * 2^L on are indexed with L+1 bits of the hash, the others with L.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/hash.h"
#include "base/random.h"
#include "store/keyspace/record.h"

struct key_table;

/* `key` (kept) is what key_table_hash() of all tables is keyed with. gives: key_table_free() */
struct key_table *key_table_new(const struct hash_key *key);
/* Frees the records and their objects too. takes. May be called on another thread when nobody else knows the table. */
void   key_table_free(struct key_table **table);
size_t key_table_count(const struct key_table *table);
const struct hash_key *key_table_hash_key(const struct key_table *table);
size_t key_table_memory(const struct key_table *table); /* bytes of the buckets, without the records */

static inline uint64_t key_table_hash(const struct hash_key *hash_key, struct slice key) {
    return hash_slice(hash_key, key);
}

/* Begins to fetch the cache line that a lookup of this hash reads first; then, some time later, the record itself. */
void key_table_prefetch(const struct key_table *table, uint64_t hash);
void key_table_prefetch_record(const struct key_table *table, uint64_t hash);

/* Makes an empty table as large as it will be with so many records, who then are added without splitting; 8 bytes for each.
 * Harmless when it is not empty. */
void key_table_reserve(struct key_table *table, size_t records);

/* NULL: absent. `*slot` (may be NULL) is for key_table_replace(): valid until a record is added or removed. */
struct record *key_table_find(const struct key_table *table, struct slice key, uint64_t hash, uint64_t **slot);
/* The record in `slot` becomes `record`, which has the same key. */
void key_table_replace(uint64_t *slot, struct record *record);
/* Adds a record whose key is not in the table. Takes it. */
void key_table_add(struct key_table *table, struct record *record, uint64_t hash);
/* Takes this very record out of the table: it is the caller's again. */
void key_table_remove(struct key_table *table, const struct record *record, uint64_t hash);

/* Calls `each` for all records of the bucket that `*cursor` names and moves the cursor on; false when the walk is
 * complete (cursor 0 again). Whatever was in the table during a whole walk is seen at least once, whether the table
 * grows or shrinks meanwhile. `each` must not change the table. */
bool key_table_scan(const struct key_table *table, uint64_t *cursor, void (*each)(void *context, struct record *record),
                    void *context);
/* Every record has the same chance. NULL: the table is empty. */
struct record *key_table_random(const struct key_table *table, struct random *random);
/* Calls `each` for the records whose hash may begin with these 32 low bits: the right ones and some others. `each` must
 * not change the table. */
void key_table_each_like(const struct key_table *table, uint64_t hash, void (*each)(void *context, struct record *record),
                         void *context);

/* How records spread, for DEBUG HTSTATS and tests. */
struct key_table_shape {
    size_t buckets, overflow_buckets, records, longest_chain; /* longest in records */
    size_t fill[17]; /* bucket chains with so many records; 16: that or more */
};
void key_table_shape(const struct key_table *table, struct key_table_shape *shape);
/* Stops the process when an invariant does not hold (tests). O(n). */
void key_table_check(const struct key_table *table);
