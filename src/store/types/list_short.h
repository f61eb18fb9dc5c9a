/* A short list in one block, as small as it can be: entries of a listpack without the lengths that lead back.
 *
 *     [count: 6 bits, bytes in use: 10 bits][entry]...
 *
 * Of at most LIST_SHORT_MAX_COUNT elements and LIST_SHORT_MAX_BYTES bytes, so a walk from the front is always cheap.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/listpack.h"

struct list_short;

enum { LIST_SHORT_MAX_COUNT = 63, LIST_SHORT_MAX_BYTES = 1023, LIST_SHORT_OVERHEAD = 2 };

struct list_short *list_short_new(size_t bytes); /* gives: mem_free(); with room for entries of so many bytes */
struct list_short *list_short_copy(const struct list_short *list); /* gives */
size_t             list_short_count(const struct list_short *list);
size_t             list_short_size(const struct list_short *list); /* bytes in use */

/* Entries are those of a listpack that listpack_get(), _text() and _is() read. NULL: there is none. */
const struct listpack_entry *list_short_at(const struct list_short *list, size_t index);
const struct listpack_entry *list_short_next(const struct list_short *list, const struct listpack_entry *entry);
const struct listpack_entry *list_short_previous(const struct list_short *list, const struct listpack_entry *entry);

/* ---- edits: `*list` may become another block; texts must not lie in it ---- */
/* Whether `count` more entries of together `bytes` (listpack_form.length) still fit. */
bool list_short_has_room(const struct list_short *list, size_t count, size_t bytes);
/* Makes the block large enough for so many more bytes of entries, which are put one after another. */
void list_short_reserve(struct list_short **list, size_t bytes);
/* `old` entries from `entry` (NULL: the end) on become this one (NULL: nothing). Returns it, or what follows them. */
const struct listpack_entry *list_short_edit(struct list_short **list, const struct listpack_entry *entry, size_t old,
                                             const struct listpack_form *form);
