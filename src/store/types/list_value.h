/* A list: a chain of listpacks, so that both ends are near and the middle is compact.
 *
 * Elements are numbered from 0; a negative index counts from the end. No chunk is empty.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/listpack.h"

struct list_value;
struct list_chunk;

enum { LIST_CHUNK_BYTES = 8192 }; /* a chunk with several elements takes at most so many */

struct list_value *list_value_new(void);           /* gives: list_value_free() */
void               list_value_free(void *list);    /* as value.c wants these four */
size_t             list_value_effort(const void *list);
size_t             list_value_memory(const void *list);
void              *list_value_copy(const void *list);
size_t             list_value_count(const struct list_value *list);

void list_value_push(struct list_value *list, bool at_head, struct slice text);

/* An element. Good until the list changes otherwise than through it. */
struct list_place {
    struct list_chunk     *chunk; /* NULL: none, the walk is over */
    struct listpack_entry *entry;
};
struct list_place list_value_at(const struct list_value *list, int64_t index);
struct list_place list_value_step(struct list_place place, bool backwards);
struct slice      list_place_text(struct list_place place, char *buffer); /* lends; buffer: NUMBER_TEXT_SIZE */
bool              list_place_is(struct list_place place, struct slice text);

void list_value_replace(struct list_value *list, struct list_place place, struct slice text);
void list_value_insert(struct list_value *list, struct list_place place, bool after, struct slice text);
/* Returns the element after it, or before it when walking backwards. */
struct list_place list_value_remove(struct list_value *list, struct list_place place, bool backwards);
/* `count` elements from `index` >= 0 on; both within the list. */
void list_value_remove_range(struct list_value *list, size_t index, size_t count);

/* ---- whole chunks, as they are dumped ---- */
size_t                   list_value_packs(const struct list_value *list); /* how many chunks */
const struct list_chunk *list_value_next_chunk(const struct list_value *list, const struct list_chunk *chunk); /* NULL: the first */
const struct listpack   *list_chunk_pack(const struct list_chunk *chunk); /* lends */
/* Adds a chunk at the end. Takes. The listpack has elements. */
void list_value_add_pack(struct list_value *list, struct listpack **pack);
