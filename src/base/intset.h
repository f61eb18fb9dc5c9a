/* A sorted set of integers in one block of memory, byte for byte as Redis packs it.
 *
 *     [width: u32 LE, 2, 4 or 8][count: u32 LE][integers of that width, LE, ascending]
 *
 * The width is that of the widest integer that was ever added.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct intset;

struct intset *intset_new(void);                          /* gives: mem_free() */
struct intset *intset_copy(const struct intset *set);     /* gives */
struct slice   intset_bytes(const struct intset *set);    /* lends: the dump */
size_t         intset_count(const struct intset *set);

/* Of bytes from outside: known width, the right size, strictly ascending. gives a copy; NULL: not an intset. */
struct intset *intset_from_bytes(struct slice bytes);
bool           intset_is_valid(struct slice bytes);

bool    intset_has(const struct intset *set, int64_t number);            /* O(log n) */
int64_t intset_at(const struct intset *set, size_t place);               /* place < count; ascending */
/* The place of the first integer that is not less than `number` (count: none). */
size_t  intset_place(const struct intset *set, int64_t number);
/* False: it was (for remove: was not) there. `*set` may become another block. */
bool    intset_add(struct intset **set, int64_t number);
bool    intset_remove(struct intset **set, int64_t number);
