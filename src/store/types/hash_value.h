/* A hash: from fields to texts, packed in a listpack while it is small, then a table of records.
 *
 * The packed form is field, text, field, text, ... in the order of adding. The other is keyspace's table: a field is a
 * record, as a key is one.
 * A hash is a `struct value` of type VALUE_HASH whose encoding and object an edit may change: put it back into the key's
 * record afterwards (record_update_object()).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/hash.h"
#include "base/number.h"
#include "base/random.h"
#include "store/types/value.h"

struct hash_rules { /* hash-max-listpack-entries and -value; what tables are keyed with (kept) */
    size_t                 max_entries, max_text_bytes;
    const struct hash_key *hash_key;
};

struct hash_item { /* not to be copied: the slices may lie in it */
    struct slice field, text;
    char         field_buffer[NUMBER_TEXT_SIZE], text_buffer[NUMBER_TEXT_SIZE];
};
typedef void hash_each(void *context, const struct hash_item *item); /* a function; it must not change the hash */

struct value hash_value_new(void); /* gives: value_free_object() */
size_t       hash_value_count(const struct value *hash);
/* Lends the text until the hash changes; `buffer` holds NUMBER_TEXT_SIZE. False: there is no such field. */
bool hash_value_find(const struct value *hash, struct slice field, char *buffer, struct slice *text);
/* True: the field is new. */
bool hash_value_set(struct value *hash, const struct hash_rules *rules, struct slice field, struct slice text);
bool hash_value_remove(struct value *hash, struct slice field); /* false: was not there */

void hash_value_walk(const struct value *hash, hash_each *each, void *context);
/* Passes some fields and moves the cursor on; false: complete (cursor 0 again). As key_table_scan(); a packed hash is
 * passed at once. */
bool hash_value_scan(const struct value *hash, uint64_t *cursor, hash_each *each, void *context);
/* One field, every one with the same chance. The hash is not empty. Lends. */
void hash_value_random(const struct value *hash, struct random *random, struct hash_item *item);
/* `count` different fields, count <= hash_value_count(). */
void hash_value_sample(const struct value *hash, struct random *random, size_t count, hash_each *each, void *context);

/* The table's form, for value.c. */
void   hash_value_free_table(void *object);
size_t hash_value_table_effort(const void *object);
size_t hash_value_table_memory(const void *object); /* estimated from some of the fields */
void  *hash_value_copy_table(const void *object);
