/* A piece of a long list: a listpack that grows at both ends, the same compressed, or one large element alone.
 *
 *     packed       block: [gap, free][listpack][free]
 *     compressed   block: [size of the listpack u32][LZF]
 *     plain        block: a struct str; the element as it came
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/listpack.h"

enum list_chunk_kind { LIST_CHUNK_PACKED, LIST_CHUNK_COMPRESSED, LIST_CHUNK_PLAIN };

enum {
    LIST_CHUNK_COUNT_MAX = 65534,   /* beyond, a listpack does not know its count */
    LIST_CHUNK_PLAIN_MIN = 8 * 1024 /* an element of so many bytes is not packed */
};

struct list_chunk { /* shown because lists are arrays of them */
    void    *block;
    uint32_t gap; /* of a compressed one: the bytes of LZF */
    uint16_t count;
    uint8_t  kind;          /* enum list_chunk_kind */
    bool     is_not_smaller; /* it was tried to compress it as it is */
};

struct list_chunk list_chunk_new(void);                     /* packed and empty; gives: list_chunk_free() */
struct list_chunk list_chunk_of(struct listpack **pack);    /* takes; its count is at most LIST_CHUNK_COUNT_MAX */
struct list_chunk list_chunk_of_text(struct slice text);    /* plain */
void              list_chunk_free(struct list_chunk *chunk);
struct list_chunk list_chunk_copy(const struct list_chunk *chunk);
size_t            list_chunk_memory(const struct list_chunk *chunk);

static inline struct listpack *list_chunk_pack(const struct list_chunk *chunk) { /* lends: of a packed one */
    return (struct listpack *)(void *)((char *)chunk->block + chunk->gap);
}
struct slice list_chunk_plain_text(const struct list_chunk *chunk); /* lends: of a plain one */
size_t       list_chunk_size(const struct list_chunk *chunk);       /* bytes of the listpack or the text */

/* ---- edits of a packed one ---- */
void list_chunk_push(struct list_chunk *chunk, bool at_head, const struct listpack_form *form);
/* `count` entries of one end; less than all of them. */
void list_chunk_pop(struct list_chunk *chunk, bool at_head, size_t count);
/* As those of listpack.h. */
void list_chunk_insert(struct list_chunk *chunk, const struct listpack_entry *at, struct slice text);
/* Return the new entry, and what follows the removed ones. */
const struct listpack_entry *list_chunk_replace(struct list_chunk *chunk, const struct listpack_entry *entry, struct slice text);
const struct listpack_entry *list_chunk_remove(struct list_chunk *chunk, const struct listpack_entry *entry, size_t count);
/* The entries from `entry` on, which is not the first, become a chunk of their own. */
struct list_chunk list_chunk_split(struct list_chunk *chunk, const struct listpack_entry *entry);
void              list_chunk_join(struct list_chunk *chunk, struct list_chunk *next); /* takes what is in `next` */

/* Kept compressed where that is worth it; the other way round before anything else is done with it. */
void list_chunk_compress(struct list_chunk *chunk);
void list_chunk_expand(struct list_chunk *chunk);
/* The listpack of a compressed one without changing it. gives: mem_free() */
struct listpack *list_chunk_unpacked(const struct list_chunk *chunk);
