/* A set: an intset while all members are integers and few, else a hash table of members.
 *
 * Works on a `struct value` of type VALUE_SET, whose object and encoding it may replace: who took it from a record puts
 * it back with record_update_object(). An empty set is never kept by anybody, but may exist meanwhile.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/number.h"
#include "store/types/value.h"

struct hash_key;
struct random;

/* What decides how a set is kept; borrowed by each call, but `hash_key` is kept by the set. */
struct set_limits {
    const struct hash_key *hash_key;
    uint64_t               max_intset_entries;
};

struct value set_value_new(void);                              /* empty; gives: value_free_object() */
size_t       set_value_count(const struct value *set);
bool         set_value_has(const struct value *set, struct slice member);
/* False: it was there before (for remove: it was not). */
bool set_value_add(struct value *set, struct slice member, const struct set_limits *limits);
bool set_value_remove(struct value *set, struct slice member);
/* Each member has the same chance. Lends: the text lies in the set or in `buffer` (NUMBER_TEXT_SIZE). Not empty. */
struct slice set_value_random(const struct value *set, struct random *random, char *buffer);

/* Calls `each` for all members (the text is lent for the call) until it returns false; it must not change the set. */
void set_value_each(const struct value *set, bool (*each)(void *context, struct slice member), void *context);
/* A part of them, as key_table_scan(): an intset is one part. False: the walk is complete. */
bool set_value_scan(const struct value *set, uint64_t *cursor, bool (*each)(void *context, struct slice member),
                    void *context);

/* The table's form, for value.c. */
void   set_value_free_table(void *object);
size_t set_value_table_effort(const void *object);
size_t set_value_table_memory(const void *object); /* estimated from some of the members */
void  *set_value_copy_table(const void *object);
