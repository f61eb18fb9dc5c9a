/* From entry ids to pointers, in order: where a stream's nodes are, and what is pending in a group.
 *
 * Leaves of up to 85 ids (2 KiB) in an array of leaves, both sorted. Adding at the end and removing at the front, which
 * is what streams do, move nothing; anywhere else a leaf is moved at most, and the array of leaves once per leaf.
 *
 *     leaves -> [    |leaf|leaf|leaf|leaf|    ]        leaf: [      | id value | id value | ...       ]
 *               start                                        first
 *
 * Invariants: I1 no leaf is empty. I2 ids ascend within a leaf and from leaf to leaf. I3 `count` is the sum of the leaves'.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/types/entry_id.h"

struct index_leaf;

struct stream_index { /* embedded by value; {0} is an empty one; fields are stream_index.c's */
    struct index_leaf **leaves;
    uint32_t            start, leaf_count, capacity;
    size_t              count;
};

struct index_item {
    struct entry_id id;
    void           *value; /* never NULL */
};

/* Forgets all; `free_value` (may be NULL) gets each value. */
void stream_index_clear(struct stream_index *index, void (*free_value)(void *value));

static inline size_t stream_index_count(const struct stream_index *index) {
    return index->count;
}
size_t stream_index_leaves(const struct stream_index *index);
size_t stream_index_memory(const struct stream_index *index); /* beside the struct itself; O(1) */

/* NULL: absent. */
void *stream_index_find(const struct stream_index *index, struct entry_id id);
/* Returns what stands there already, and adds nothing then; NULL: added. */
void *stream_index_add(struct stream_index *index, struct entry_id id, void *value);
/* Returns what was removed; NULL: absent. */
void *stream_index_remove(struct stream_index *index, struct entry_id id);

/* ---- walking: a place is good until something is added or removed ---- */

struct index_place {
    uint32_t leaf, item;
};

struct index_place stream_index_first(const struct stream_index *index);
struct index_place stream_index_last(const struct stream_index *index);
struct index_place stream_index_from(const struct stream_index *index, struct entry_id id);  /* the first that is not smaller */
struct index_place stream_index_up_to(const struct stream_index *index, struct entry_id id); /* the last that is not greater */
/* NULL: beyond either end. The value may be replaced through it. */
struct index_item *stream_index_at(const struct stream_index *index, struct index_place place);
struct index_place stream_index_next(const struct stream_index *index, struct index_place place);
struct index_place stream_index_previous(const struct stream_index *index, struct index_place place);
