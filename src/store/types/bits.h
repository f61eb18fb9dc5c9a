/* A string seen as bits: bit 0 is the highest of the first byte.
 *
 * Pure functions on bytes; ranges are of bits and include both ends.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

/* How many bits of [first, last] are set. 0 <= first <= last < 8 * text.size. */
int64_t bits_count(struct slice text, int64_t first, int64_t last);
/* The first bit of [first, last] that equals `bit`; -1: there is none. Same bounds. */
int64_t bits_find(struct slice text, bool bit, int64_t first, int64_t last);

enum bits_operator { BITS_AND, BITS_OR, BITS_XOR, BITS_NOT };
/* out[0..size) = the operation over `count` texts (NOT: over the first); shorter ones are followed by zeros. */
void bits_combine(enum bits_operator operator, const struct slice *texts, size_t count, char *out, size_t size);

/* An unsigned number of `width` (1 to 64) bits at bit `at`; what lies behind the text reads as zero. */
uint64_t bits_read(struct slice text, uint64_t at, unsigned width);
/* Writes the low `width` bits of `number`, all of which lie in the text. */
void bits_write(char *text, uint64_t at, unsigned width, uint64_t number);
