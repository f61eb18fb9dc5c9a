/* A long list: its chunks in an array that grows at both ends, so that an index is found by adding up counts that lie
 * side by side.
 *
 * Invariants: L1 no chunk is empty; L2 `count` is the sum of the chunks' counts.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/types/list_chunk.h"

struct list_chain {
    struct list_chunk *ring; /* chunk i is at (first + i) & mask */
    uint32_t           mask, first;
    uint32_t           used;           /* chunks */
    int32_t            max_size;       /* list-max-listpack-size and ... */
    uint32_t           compress_depth; /* list-compress-depth as they were when the list became long */
    bool               has_loose;      /* some chunk that is to be kept compressed may not be */
    size_t             count;          /* elements */
};

struct list_chain *list_chain_new(int32_t max_size, uint32_t compress_depth); /* gives: list_chain_free() */
void               list_chain_free(struct list_chain *chain);
struct list_chain *list_chain_copy(const struct list_chain *chain);
size_t             list_chain_memory(const struct list_chain *chain); /* estimated from some of many chunks */

static inline struct list_chunk *list_chain_chunk(const struct list_chain *chain, uint32_t i) {
    return &chain->ring[(chain->first + i) & chain->mask];
}

/* Moves scattered blocks (mem_defrag()) of some chunks from `*cursor` on, and moves the cursor; 0 again: all have been passed.
 * Adds to `*moved` and `*left`. */
void list_chain_defrag(struct list_chain *chain, uint64_t *cursor, size_t *moved, size_t *left);

/* `chunk` becomes the i-th, i <= used; its elements are counted. */
void list_chain_add(struct list_chain *chain, uint32_t i, struct list_chunk chunk);
/* `count` chunks from the i-th on are freed, and their elements no longer counted. */
void list_chain_drop(struct list_chain *chain, uint32_t i, uint32_t count);
/* The entries of chunk i from `entry` on, which is not its first, become a chunk behind it. */
void list_chain_split(struct list_chain *chain, uint32_t i, const struct listpack_entry *entry);
/* The chunk with element `*index`, which becomes its number within the chunk. index < count. */
uint32_t list_chain_find(const struct list_chain *chain, size_t *index);

/* Whether `more` bytes of one more entry may be put into the packed chunk i. */
bool list_chain_has_room(const struct list_chain *chain, uint32_t i, size_t more);
bool list_chain_is_over(const struct list_chain *chain, uint32_t i); /* it is larger than it may be */
/* Compresses what is to be kept compressed. Cheap when there is nothing to do. */
void list_chain_tidy(struct list_chain *chain);
/* The same for one chunk that is left. */
void list_chain_leave(struct list_chain *chain, uint32_t i);
/* Joins neighbours that are much smaller than they may be, after many removals. */
void list_chain_compact(struct list_chain *chain);
