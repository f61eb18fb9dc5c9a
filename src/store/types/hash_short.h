/* A small hash as a row of bytes that lies in its key's record: pairs of a field and a text, with one byte before most.
 *
 *     [count][pair]...        pair: [fffttttt][size of the field][size of the text][field][text]
 *
 *     fff     0..6   the field's size               7       it follows as a byte
 *     ttttt   0..22  the text's size                23      it follows as a byte
 *             24..31 an integer of 1 to 8 bytes, little endian: a text that is the exact decimal form of one, where that is
 *                    shorter
 *
 * It is a slice of bytes that its owner keeps; edits are made where it lies, in HASH_SHORT_MAX_BYTES of room. A pair is named
 * by its offset, good until an edit; 0 is none.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/number.h"

struct listpack;

enum { HASH_SHORT_MAX_BYTES = 1024, HASH_SHORT_MAX_PAIRS = 255, HASH_SHORT_MAX_TEXT = 255, HASH_SHORT_EMPTY_BYTES = 1 };

struct slice hash_short_init(char *room); /* an empty one there */
size_t       hash_short_count(struct slice hash);

/* 0: there is none. */
size_t hash_short_first(struct slice hash);
size_t hash_short_at(struct slice hash, size_t index);
size_t hash_short_find(struct slice hash, struct slice field);
/* Reads a pair, whose parts lie in the hash or in `buffer` (NUMBER_TEXT_SIZE). Returns the next one. */
size_t hash_short_get(struct slice hash, size_t pair, struct slice *field, struct slice *text, char *buffer);

/* Adds a field (`pair` 0) or replaces the text of the one at `pair`. False: it does not fit and nothing was done. The slices
 * do not lie in the hash. */
MUST_USE bool hash_short_put(struct slice *hash, size_t pair, struct slice field, struct slice text);
void          hash_short_remove(struct slice *hash, size_t pair);

/* The same pairs as a listpack: field, text, field, text ... gives: mem_free() */
struct listpack *hash_short_to_listpack(struct slice hash);
/* Those of a listpack of pairs. False: they do not fit. */
MUST_USE bool hash_short_from_listpack(struct slice *hash, char *room, const struct listpack *listpack);
