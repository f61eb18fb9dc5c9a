/* The large form of a hash: a table of fields, and an index of when they end for those that do.
 *
 * The index (a timing wheel, keyspace/expire.h) is there only while the table is large and fields have deadlines; a small
 * table is searched. A hash whose fields have no deadlines pays nothing.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/types/member_table.h"

struct hash_fields;

/* gives: hash_fields_free(). `hash_key` is kept. */
struct hash_fields        *hash_fields_new(const struct hash_key *hash_key);
void                       hash_fields_free(struct hash_fields **fields);
struct hash_fields        *hash_fields_copy(const struct hash_fields *fields); /* gives */
const struct member_table *hash_fields_table(const struct hash_fields *fields); /* lends: to look at */
size_t                     hash_fields_memory(const struct hash_fields *fields);

/* As member_table_defrag(). */
void hash_fields_defrag(struct hash_fields *fields, uint64_t *cursor, size_t *moved, size_t *left);

bool hash_fields_find(const struct hash_fields *fields, struct slice field, struct member *member);
/* True: the field is new. `deadline_ms`: wall clock, or MEMBER_NEVER. Neither slice may lie in the table. */
bool hash_fields_set(struct hash_fields *fields, struct slice field, struct slice text, int64_t deadline_ms);
void hash_fields_set_deadline(struct hash_fields *fields, struct slice field, int64_t deadline_ms); /* it is there */
bool hash_fields_remove(struct hash_fields *fields, struct slice field); /* false: was not there */

size_t hash_fields_expiring(const struct hash_fields *fields); /* fields with a deadline */
/* No field ends earlier; it may be that none ends then. MEMBER_NEVER: none has a deadline. */
int64_t hash_fields_earliest_ms(const struct hash_fields *fields);
/* Removes up to `max` fields whose deadline is before `now_ms`, after `each` saw them. Some that ended less than
 * EXPIRE_TICK_MS ago may stay. Returns how many. */
size_t hash_fields_expire(struct hash_fields *fields, int64_t now_ms, size_t max, member_each *each, void *context);

/* For which time the keyspace has filed the hash: kept here for it. */
int64_t hash_fields_filed_ms(const struct hash_fields *fields);
void    hash_fields_set_filed_ms(struct hash_fields *fields, int64_t filed_ms);
