/* A doubly linked list whose nodes live inside what they link.
 *
 * `struct list` is a ring with a head; a node that is in no list points at itself. All calls are O(1).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct list_node {
    struct list_node *next, *prev;
};

struct list {
    struct list_node head;
};

static inline void list_node_init(struct list_node *node) {
    node->next = node->prev = node;
}

static inline void list_init(struct list *list) {
    list_node_init(&list->head);
}

static inline bool list_is_empty(const struct list *list) {
    return list->head.next == &list->head;
}

static inline bool list_is_linked(const struct list_node *node) {
    return node->next != node;
}

static inline void list_insert_before(struct list_node *at, struct list_node *node) {
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_add(struct list *list, struct list_node *node) { /* at the end */
    list_insert_before(&list->head, node);
}

static inline void list_add_first(struct list *list, struct list_node *node) {
    list_insert_before(list->head.next, node);
}

static inline void list_remove(struct list_node *node) { /* harmless when in no list */
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_node_init(node);
}

static inline struct list_node *list_first(const struct list *list) { /* NULL: empty */
    return list_is_empty(list) ? NULL : list->head.next;
}

/* The current node may be removed or freed inside the loop; its successor may not. */
#define LIST_EACH(list, node)                                                                                          \
    for (struct list_node *node = (list)->head.next, *node##_next = node->next; node != &(list)->head;                 \
         node = node##_next, node##_next = node->next)
