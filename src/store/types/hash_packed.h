/* The packed forms of a hash: a listpack of pairs, or of triples whose third entry is the field's deadline.
 *
 * Triples lie in the order of their deadlines; those without one have 0 there and lie at the end.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/types/hash_value.h"

enum { HASH_PAIR = 2, HASH_TRIPLE = 3 }; /* `width` below: entries for a field */

/* NULL: there is no such field. */
struct listpack_entry *hash_packed_find(const struct listpack *listpack, unsigned width, struct slice field);
/* Reads the item that begins at `entry`; returns the next. */
struct listpack_entry *hash_packed_item(const struct listpack *listpack, unsigned width, const struct listpack_entry *entry,
                                        struct hash_item *item);
/* Adds a field that is not there, at its place. */
void hash_packed_add(struct listpack **listpack, unsigned width, struct slice field, struct slice text, int64_t deadline_ms);
/* The text of the field at `entry` changes, its deadline does not. */
void hash_packed_replace(struct listpack **listpack, const struct listpack_entry *entry, struct slice text);
/* Triples of pairs, all without a deadline. gives */
struct listpack *hash_packed_widen(const struct listpack *pairs);
/* hash_value_check_listpack() */
MUST_USE bool hash_packed_check(const struct listpack *listpack, unsigned width);
