/* A set: an intset while all members are integers and few, a listpack while they are few and short, else a hash table.
 *
 * Works on a `struct value` of type VALUE_SET, whose object and encoding it may replace: who took it from a record puts
 * it back with record_update_object(). An empty set is never kept by anybody, but may exist meanwhile.
 *
 * To save one: intset_dump(object), listpack_bytes(object), or set_value_count() and set_value_each() of any.
 * To load one: set_value_from_intset(), set_value_from_listpack(), or set_value_new_sized() and set_value_add() for each.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/intset.h"
#include "base/listpack.h"
#include "base/number.h"
#include "store/types/value.h"

struct hash_key;
struct random;

/* What decides how a set is kept; borrowed by each call, but `hash_key` is kept by the set. */
struct set_limits {
    const struct hash_key *hash_key;
    uint64_t               max_intset_entries;
    uint64_t               max_listpack_entries, max_listpack_bytes; /* the latter of each member */
};

struct value set_value_new(void); /* empty; gives: value_free_object() */
/* Empty, for so many members, the first of which is `first`: large ones begin as a table. */
struct value set_value_new_sized(const struct set_limits *limits, uint64_t count, struct slice first);
size_t       set_value_count(const struct value *set);
bool         set_value_has(const struct value *set, struct slice member);
/* False: it was there before (for remove: it was not). */
bool set_value_add(struct value *set, struct slice member, const struct set_limits *limits);
bool set_value_remove(struct value *set, struct slice member); /* `member` may lie in the set */
/* Each member has the same chance. Lends: the text lies in the set or in `buffer` (NUMBER_TEXT_SIZE). Not empty. */
struct slice set_value_random(const struct value *set, struct random *random, char *buffer);

typedef bool set_each(void *context, struct slice member); /* a function; false: enough. It must not change the set */
/* Calls `each` for all members (the text is lent for the call) until it returns false. */
void set_value_each(const struct value *set, set_each *each, void *context);
/* A part of them, as key_table_scan(): a packed set is one part. False: the walk is complete. */
bool set_value_scan(const struct value *set, uint64_t *cursor, set_each *each, void *context);

/* Sets of what intset_from_bytes() and listpack_from_bytes() made of bytes from outside, in the form that the limits want.
 * Take it, whatever the result. False: empty, or a member is there twice. */
MUST_USE bool set_value_from_intset(struct value *set, struct intset **intset, const struct set_limits *limits);
MUST_USE bool set_value_from_listpack(struct value *set, struct listpack **listpack, const struct set_limits *limits);

/* The table's form, for value.c. */
void   set_value_free_table(void *object);
size_t set_value_table_effort(const void *object);
size_t set_value_table_memory(const void *object);
void  *set_value_copy_table(const void *object);
