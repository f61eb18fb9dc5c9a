/* A listpack: a sequence of short texts and integers packed in one allocation, byte for byte as Redis 7.0 packs them.
 *
 *     [bytes: u32 LE][count: u16 LE, 65535: unknown][entry]...[0xFF]
 *     entry:  [encoding and data][length of that, backwards: 1 to 5 bytes of 7 bits]
 *
 *     0xxxxxxx                         number 0..127               1110llll llllllll  text of up to 4095 bytes
 *     10llllll                         text of up to 63 bytes      11110000 llllllll*4 text, length u32 LE
 *     110xxxxx xxxxxxxx                number of 13 bits           11110001 .. 11110100  number of 16, 24, 32, 64 bits LE
 *
 * A text that is the exact decimal form of an integer is stored as that integer. A listpack is one block of memory: its
 * bytes are its dump. An entry is named by a pointer into the block, good until the block is edited.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/number.h"

struct listpack;
struct listpack_entry; /* a place in the block; never allocated */

/* One entry's content. A text lies in the listpack itself (lends). */
struct packed {
    const char *text; /* NULL: an integer */
    size_t      size; /* of the text */
    int64_t     number;
};

enum { LISTPACK_OVERHEAD = 7, LISTPACK_MAX_BYTES = 1 << 30 }; /* an edit beyond the maximum is for the caller to avoid */

struct listpack *listpack_new(void);                              /* gives: mem_free() */
struct listpack *listpack_new_sized(size_t capacity);             /* gives: with room for so many bytes: listpack_shrink() */
struct listpack *listpack_copy(const struct listpack *listpack);  /* gives */
void             listpack_shrink(struct listpack **listpack);     /* gives spare memory back */
struct slice     listpack_bytes(const struct listpack *listpack); /* lends: the dump */
size_t           listpack_size(const struct listpack *listpack);  /* of the dump, in bytes */
size_t           listpack_count(const struct listpack *listpack); /* O(1) below 65535 entries */

/* Of bytes from outside: every entry lies within, the counts and back-lengths agree, and a text's size has its shortest
 * form. gives a copy; NULL: not a listpack. */
struct listpack *listpack_from_bytes(struct slice bytes);
/* The same without a copy: lends the bytes themselves. */
const struct listpack *listpack_in_bytes(struct slice bytes);
bool             listpack_is_valid(struct slice bytes);

/* NULL: there is none. */
struct listpack_entry *listpack_first(const struct listpack *listpack);
struct listpack_entry *listpack_last(const struct listpack *listpack);
struct listpack_entry *listpack_next(const struct listpack *listpack, const struct listpack_entry *entry);
struct listpack_entry *listpack_previous(const struct listpack *listpack, const struct listpack_entry *entry);
struct listpack_entry *listpack_at(const struct listpack *listpack, int64_t index); /* negative: from the end */

struct packed listpack_get(const struct listpack_entry *entry);
/* The entry as text; an integer is printed into `buffer` of NUMBER_TEXT_SIZE. lends */
struct slice listpack_text(const struct listpack_entry *entry, char *buffer);
bool         listpack_is(const struct listpack_entry *entry, struct slice text);
/* The entry's content, and the entry behind it (NULL: it was the last): a walk in one step. */
const struct listpack_entry *listpack_take(const struct listpack_entry *entry, struct packed *content);
/* The first entry from `from` on (NULL: none) that is `text`, looking at every (`skip` + 1)-th. */
struct listpack_entry *listpack_find(const struct listpack *listpack, const struct listpack_entry *from, struct slice text,
                                     unsigned skip);

/* The bytes that an entry with this text takes. */
size_t listpack_entry_size(struct slice text);
/* Whether `more` bytes can be added. */
bool   listpack_has_room(const struct listpack *listpack, size_t more);

/* ---- forms: an entry that is yet to be put somewhere, for who must know its size before ---- */
enum { LISTPACK_HEAD_MAX = 9 };
struct listpack_form {
    uint8_t      head[LISTPACK_HEAD_MAX]; /* all of it, for an integer */
    unsigned     head_size;
    struct slice data;   /* borrowed */
    size_t       length; /* of head and data */
};
void   listpack_form_of(struct listpack_form *form, struct slice text);
size_t listpack_form_size(const struct listpack_form *form); /* as an entry: with the back-length */
/* Head and data alone, form->length bytes: for blocks that are only walked forwards. They can be read as an entry is
 * (listpack_get, _text, _is), but not walked as those of a listpack. */
void   listpack_put_bare(void *at, const struct listpack_form *form);
size_t listpack_bare_size(const struct listpack_entry *entry);

/* ---- ends that move: a listpack within a larger block, whose ends are edited without moving the rest. Room before
 * and behind it is the caller's to know, and so is the block: no other edit may be made of one that does not begin it ---- */
struct listpack *listpack_init(void *at); /* an empty one, LISTPACK_OVERHEAD bytes */
struct listpack *listpack_put_first(struct listpack *listpack, const struct listpack_form *form); /* returns its new start */
void             listpack_put_last(struct listpack *listpack, const struct listpack_form *form);
struct listpack *listpack_drop_first(struct listpack *listpack, size_t count); /* returns its new start */
void             listpack_drop_last(struct listpack *listpack, size_t count);

/* ---- edits: `*listpack` may become another block; texts must not lie in it ---- */
void listpack_append(struct listpack **listpack, struct slice text);
void listpack_append_int(struct listpack **listpack, int64_t number);
/* Several at once; a text that is an integer is stored as one here too. */
void listpack_append_all(struct listpack **listpack, const struct packed *entries, size_t count);
void listpack_prepend(struct listpack **listpack, struct slice text);
/* Before `at` (NULL: at the end). Returns the new entry. */
struct listpack_entry *listpack_insert(struct listpack **listpack, const struct listpack_entry *at, struct slice text);
/* Returns the entry with its new content. */
struct listpack_entry *listpack_replace(struct listpack **listpack, const struct listpack_entry *entry, struct slice text);
struct listpack_entry *listpack_replace_int(struct listpack **listpack, const struct listpack_entry *entry, int64_t number);
/* Removes `count` entries from `entry` on (or up to the end). Returns what follows; NULL: the end. */
struct listpack_entry *listpack_remove(struct listpack **listpack, const struct listpack_entry *entry, size_t count);
/* Adds all entries of `other` at the end. */
void listpack_join(struct listpack **listpack, const struct listpack *other);
