/* Frees what is large on a thread of its own, so that DEL of millions of elements does not hold up the loop.
 *
 * The thread starts when it is first needed.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/keyspace/key_table.h"

struct lazy_free;

struct lazy_free *lazy_free_new(void);                     /* gives: lazy_free_free() */
void              lazy_free_free(struct lazy_free **lazy); /* waits for what is under way. takes */
/* Gives back the memory of finished jobs' descriptions; now and then. */
void lazy_free_collect(struct lazy_free *lazy);

/* Above this many allocations an object is worth a thread's attention. */
enum { LAZY_FREE_EFFORT_MIN = 64 };

/* Frees the record's object, here or there, and the record here. Takes the record. */
void lazy_free_record(struct lazy_free *lazy, struct record *record);
/* The same for an object alone. */
void lazy_free_object(struct lazy_free *lazy, enum value_type type, enum value_encoding encoding, void *object);
void lazy_free_table(struct lazy_free *lazy, struct key_table **table); /* takes; NULL is allowed */

uint64_t lazy_free_pending(const struct lazy_free *lazy); /* objects; a table counts its records */
uint64_t lazy_free_done(const struct lazy_free *lazy);    /* since the start or the last reset */
void     lazy_free_reset(struct lazy_free *lazy);
