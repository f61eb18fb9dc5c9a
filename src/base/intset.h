/* A sorted set of integers in one block of memory: distances from a base, as narrow as they can be.
 *
 *     [base: 8 bytes][count: 4][width: 1, 2, 4 or 8][distances from the base, of that width, ascending]
 *
 * Its dump is Redis's intset, [width: u32 LE, 2, 4 or 8][count: u32 LE][integers of that width, LE, ascending], which would
 * take 4 bytes for each of a handful of numbers that are near each other but far from 0 (identifiers, times).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct intset;

struct intset *intset_new(void);                          /* gives: mem_free() */
struct intset *intset_copy(const struct intset *set);     /* gives */
void           intset_dump(const struct intset *set, struct bytes *out); /* adds the dump to `out` */
size_t         intset_count(const struct intset *set);

/* Of bytes from outside: known width, the right size, strictly ascending. gives: a set; NULL: not an intset. */
struct intset *intset_from_bytes(struct slice bytes);
bool           intset_is_valid(struct slice bytes);

bool    intset_has(const struct intset *set, int64_t number);            /* O(log n) */
int64_t intset_at(const struct intset *set, size_t place);               /* place < count; ascending */
/* The place of the first integer that is not less than `number` (count: none). */
size_t  intset_place(const struct intset *set, int64_t number);
/* False: it was (for remove: was not) there. `*set` may become another block. */
bool    intset_add(struct intset **set, int64_t number);
bool    intset_remove(struct intset **set, int64_t number);
