/* A binary heap of deadlines whose nodes live inside what they order.
 *
 * heap_first() is the node with the smallest key. Adding, removing and moving are O(log n).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct heap_node {
    int64_t key;
    size_t  place; /* 0: in no heap; else its place counted from 1 */
};

struct heap_slot { /* the key beside the pointer: a heap of thousands is put in order without touching its owners */
    int64_t           key;
    struct heap_node *node;
};

struct heap {
    struct heap_slot *slots; /* places 1..count */
    size_t            count, capacity;
};

void heap_init(struct heap *heap);
void heap_fini(struct heap *heap); /* the nodes stay their owners' */
void heap_set(struct heap *heap, struct heap_node *node, int64_t key); /* adds it, or moves it to the new key */
void heap_remove(struct heap *heap, struct heap_node *node);           /* harmless when it is not in the heap */

static inline struct heap_node *heap_first(const struct heap *heap) { /* NULL: empty */
    return heap->count ? heap->slots[1].node : NULL;
}

static inline bool heap_has(const struct heap_node *node) {
    return node->place != 0;
}
