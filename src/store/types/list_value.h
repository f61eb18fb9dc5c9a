/* A list: one small block while it is short, then an array of chunks, so that both ends and any index are near.
 *
 * Works on a `struct value` of type VALUE_LIST, whose object and encoding an edit may replace: who took it from a record puts
 * it back with record_update_object(). Elements are numbered from 0; a negative index counts from the end. An empty list is
 * never kept by anybody, but may exist meanwhile. The encodings are VALUE_LISTPACK (list_short) and VALUE_QUICKLIST
 * (list_chain); to the outside both are "quicklist", as in Redis 7.0.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/number.h"
#include "store/types/value.h"

struct listpack;
struct listpack_entry;

struct list_rules {
    int32_t  max_listpack_size; /* -1 .. -5: 4 to 64 KiB in a chunk; else elements */
    uint32_t compress_depth;    /* chunks at each end that are not compressed; 0: none is */
};

struct value list_value_new(void); /* empty; gives: value_free_object() */
size_t       list_value_count(const struct value *list);

/* One after another to the same end. The texts must not lie in the list. */
void list_value_push(struct value *list, const struct list_rules *rules, bool at_head, const struct slice *texts,
                     size_t count);
/* `count` elements from `index` on; both within the list. */
void list_value_remove_range(struct value *list, size_t index, size_t count);

/* ---- reading one after another: does not change how the list is kept ---- */

struct list_walk { /* on the stack; fields are list_value.c's */
    const struct value          *list;
    const struct listpack_entry *entry;
    struct listpack             *unpacked;
    uint32_t                     chunk;
    size_t                       left;
    char                         buffer[NUMBER_TEXT_SIZE];
};
/* From `index` on; index <= count. */
void list_walk_start(struct list_walk *walk, const struct value *list, size_t index);
/* False: that was the last. Lends the text until the next call. */
bool list_walk_next(struct list_walk *walk, struct slice *text);
void list_walk_end(struct list_walk *walk);

/* ---- places: elements that are searched and edited. After using them: list_value_tidy(). ---- */

struct list_place { /* good until the list changes otherwise than through it */
    const void *entry; /* NULL: none, the walk is over */
    uint32_t    chunk;
};
struct list_place list_value_at(const struct value *list, int64_t index);
struct list_place list_value_step(const struct value *list, struct list_place place, bool backwards);
struct slice      list_value_text(const struct value *list, struct list_place place, char *buffer); /* lends; NUMBER_TEXT_SIZE */
bool              list_value_is(const struct value *list, struct list_place place, struct slice text);

void list_value_replace(struct value *list, const struct list_rules *rules, struct list_place place, struct slice text);
void list_value_insert(struct value *list, const struct list_rules *rules, struct list_place place, bool after,
                       struct slice text);
/* Returns the element after it, or before it when walking backwards. */
struct list_place list_value_remove(struct value *list, struct list_place place, bool backwards);
/* What was expanded is compressed again; after many removals (`is_sparse`) chunks are joined. */
void list_value_tidy(const struct value *list, bool is_sparse);

/* ---- as a dump holds it: a sequence of nodes, each a listpack or one large text ---- */

struct list_node_image {
    bool             is_plain;
    struct slice     bytes;    /* a listpack's, or the element itself; lent until list_node_image_end() */
    struct listpack *unpacked; /* list_value.c's */
};
size_t list_value_node_count(const struct value *list);
/* Node i < list_value_node_count(). */
void list_value_node(const struct value *list, size_t i, struct list_node_image *image);
void list_node_image_end(struct list_node_image *image);
/* Adds the entries of a listpack behind, as a node where that fits. Takes. A list begins with list_value_new(), a plain node
 * is pushed; who makes a list looks whether it is still empty at the end. */
void list_value_add_pack(struct value *list, const struct list_rules *rules, struct listpack **pack);

/* ---- for value.c ---- */
void   list_value_free_chain(void *object);
size_t list_value_chain_effort(const void *object);
size_t list_value_chain_memory(const void *object);
void  *list_value_copy_chain(const void *object);
void  *list_value_copy_short(const void *object);
