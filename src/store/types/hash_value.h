/* A hash: from fields to texts, packed in a listpack while it is small, then a table; fields may have deadlines.
 *
 *     VALUE_SHORT       hash_short.h: a text in the key's record
 *     VALUE_LISTPACK    field, text, field, text ... in the order of adding
 *     VALUE_LISTPACKEX  field, text, deadline ... by deadline, those without one (0) at the end: Redis 7.4's form
 *     VALUE_HASHTABLE   hash_fields.h
 *
 * A hash is a `struct value` of type VALUE_HASH whose form, encoding and object or text an edit may change: put it back into
 * the key's record afterwards (keyspace_update()). Before an edit hash_value_open() copies the text of a VALUE_SHORT one into
 * a `struct hash_room`, where it is edited: it is small, and its record may have to become another one anyway.
 *
 * A field whose deadline is before `now_ms` is not seen, but counted until hash_value_expire() removes it. HASH_SEE_ALL as
 * the time sees all.
 *
 * To save one: a packed one is listpack_bytes(hash_value_listpack()) (VALUE_LISTPACKEX: RDB type 25, behind the earliest
 * deadline), a short one those of hash_short_to_listpack(); of any, hash_value_walk() with HASH_SEE_ALL passes fields, texts and deadlines. To load one:
 * hash_value_check_listpack() and hash_value_from_listpack(), or hash_value_new() and hash_value_put() for each field.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/hash.h"
#include "base/listpack.h"
#include "base/number.h"
#include "base/random.h"
#include "store/types/hash_short.h"
#include "store/types/value.h"

#define HASH_SEE_ALL INT64_MIN
enum {
    HASH_NEVER = -1,   /* no deadline */
    HASH_KEEP_TTL = -2 /* for hash_value_put(): the deadline that it has */
};

struct hash_rules { /* hash-max-listpack-entries and -value; what tables are keyed with (kept); wall clock */
    size_t                 max_entries, max_text_bytes;
    const struct hash_key *hash_key;
    int64_t                now_ms;
};

struct hash_item { /* not to be copied: the slices may lie in it */
    struct slice field, text;
    int64_t      deadline_ms;
    char         field_buffer[NUMBER_TEXT_SIZE], text_buffer[NUMBER_TEXT_SIZE];
};
typedef void hash_each(void *context, const struct hash_item *item); /* a function; it must not change the hash */

struct hash_room { /* where a short hash lies while it is edited */
    char bytes[HASH_SHORT_MAX_BYTES];
};

/* An empty hash, which keeps `room` until it is stored or freed. gives: hash_value_free() */
struct value hash_value_new(struct hash_room *room);
/* A record's hash as one that can be edited; keeps `room`. */
struct value hash_value_open(const struct value *hash, struct hash_room *room);
void         hash_value_free(struct value *hash); /* what is on the heap of it */
size_t       hash_value_count(const struct value *hash);
size_t       hash_value_live_count(const struct value *hash, int64_t now_ms); /* O(n) where fields have deadlines */

/* Lends until the hash or the item changes. False: there is no such field. */
bool hash_value_find(const struct value *hash, int64_t now_ms, struct slice field, struct hash_item *item);
/* Sets a field and its deadline (or HASH_NEVER, HASH_KEEP_TTL). True: it is new. The slices do not lie in the hash. */
bool hash_value_put(struct value *hash, const struct hash_rules *rules, struct slice field, struct slice text,
                    int64_t deadline_ms);
/* The same without a deadline: HSET. */
static inline bool hash_value_set(struct value *hash, const struct hash_rules *rules, struct slice field, struct slice text) {
    return hash_value_put(hash, rules, field, text, HASH_NEVER);
}
/* Gives a field that is there another deadline, or HASH_NEVER. */
void hash_value_set_deadline(struct value *hash, struct slice field, int64_t deadline_ms);
/* False: was not there. */
bool hash_value_remove(struct value *hash, int64_t now_ms, struct slice field);

void hash_value_walk(const struct value *hash, int64_t now_ms, hash_each *each, void *context);
/* Passes some fields and moves the cursor on; false: complete (cursor 0 again). As key_table_scan(); a packed hash is
 * passed at once. */
bool hash_value_scan(const struct value *hash, int64_t now_ms, uint64_t *cursor, hash_each *each, void *context);
/* One field, every one with the same chance. Lends. False: there is none. */
bool hash_value_random(const struct value *hash, int64_t now_ms, struct random *random, struct hash_item *item);
/* `count` different fields, count <= hash_value_live_count(). */
void hash_value_sample(const struct value *hash, int64_t now_ms, struct random *random, size_t count, hash_each *each,
                       void *context);

/* ---- deadlines ---- */
bool hash_value_has_deadlines(const struct value *hash);
/* No field ends earlier. HASH_NEVER: none has a deadline. O(1) */
int64_t hash_value_earliest_ms(const struct value *hash);
/* Removes up to `max` fields whose deadline is before `now_ms`, after `each` saw them. In a large hash some that ended just
 * now may stay a tick (keyspace/expire.h) longer. Returns how many. */
size_t hash_value_expire(struct value *hash, int64_t now_ms, size_t max, hash_each *each, void *context);
/* For which time the keyspace has filed a hash with deadlines: kept for it. */
int64_t hash_value_filed_ms(const struct value *hash);
void    hash_value_set_filed_ms(struct value *hash, int64_t filed_ms);

/* ---- from and to a dump ---- */
/* Of VALUE_LISTPACK and VALUE_LISTPACKEX. lends */
const struct listpack *hash_value_listpack(const struct value *hash);
/* Of bytes from outside that are a listpack (listpack_is_valid()): pairs, or with deadlines triples whose third is a
 * deadline or 0, in order; fields differ; not empty. */
MUST_USE bool hash_value_check_listpack(const struct listpack *listpack, bool has_deadlines);
/* Of pairs from outside. False: it is too long for a form in which it needs no memory of its own, and nothing was done. */
MUST_USE bool hash_value_from_short_listpack(const struct listpack *listpack, const struct hash_rules *rules,
                                             struct hash_room *room, struct value *hash);
/* The hash of such a listpack, a table if the rules want it so. Takes it; keeps `room`. */
struct value hash_value_from_listpack(struct listpack **listpack, bool has_deadlines, const struct hash_rules *rules,
                                      struct hash_room *room);

/* The forms that are no plain listpack, for value.c. */
void   hash_value_free_table(void *object);
size_t hash_value_table_effort(const void *object);
size_t hash_value_table_memory(const void *object);
void  *hash_value_copy_table(const void *object);
void   hash_value_free_packed_ex(void *object);
size_t hash_value_packed_ex_memory(const void *object);
void  *hash_value_copy_packed_ex(const void *object);
