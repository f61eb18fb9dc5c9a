/* When keys end: a timing wheel of key hashes, so that those that are due are found without looking for them.
 *
 * It knows neither keys nor records. A place in the wheel is 8 bytes: the low 40 bits of a hash, and the tick at which to
 * look at the records of that hash. Places are never searched or removed: who finds that a record is not due yet (its
 * expiry was moved) files it again, and who finds none forgets the place.
 *
 *     level 0: 256 slots of a tick (64 ms)   level 1: 256 of 16 s   level 2: 256 of 70 min   far: beyond 12 days
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/random.h"

struct expire_index;

enum { EXPIRE_TICK_MS = 64 };

struct expire_index *expire_index_new(int64_t wall_ms); /* gives: expire_index_free() */
void                 expire_index_free(struct expire_index **index);

/* Files a hash to be looked at when `deadline_ms` (wall clock) is over: at most a tick later, never before. */
void expire_index_add(struct expire_index *index, uint64_t hash, int64_t deadline_ms);

enum expire_step {
    EXPIRE_NONE, /* nothing is due before the next tick */
    EXPIRE_DUE,  /* `*hash`: its low 40 bits; the place is gone */
    EXPIRE_WORK  /* a bounded piece of housekeeping was done: call again */
};
enum expire_step expire_index_next(struct expire_index *index, int64_t wall_ms, uint64_t *hash);
/* Takes out any place, due or not. False: it is empty. */
bool expire_index_take(struct expire_index *index, uint64_t *hash);
/* Takes out up to `count` places: those that are due first, or (`random` given) some from a random slot on. Returns how
 * many; the hashes' low 40 bits, as above. */
size_t expire_index_take_some(struct expire_index *index, struct random *random, uint64_t *hashes, size_t count);
/* Nothing will be due before a tick after this: the beginning of the tick of the earliest deadline where that is near, else
 * a lower bound. There is a place. */
int64_t expire_index_earliest_ms(const struct expire_index *index);
/* The clock was set back behind what the wheel has passed: places filed now are found too late. */
bool expire_index_is_ahead(const struct expire_index *index, int64_t wall_ms);

size_t expire_index_count(const struct expire_index *index); /* places */
size_t expire_index_memory(const struct expire_index *index);
