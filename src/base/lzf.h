/* Compression of short texts with LZF, the one that the field's dump files use.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

/* Packs `text` into `room` bytes at `out`. Returns how many it took; 0: it does not get so small. */
size_t lzf_pack(struct slice text, char *out, size_t room);
/* False: `packed` is damaged or does not unpack to exactly `size` bytes, of which `out` may then hold some. */
MUST_USE bool lzf_unpack(struct slice packed, char *out, size_t size);
/* The most bytes that so many packed ones may stand for: what claims to be more is not to be believed. */
static inline uint64_t lzf_unpacked_max(uint64_t packed_bytes) {
    return packed_bytes * 88; /* three bytes stand for at most 264 */
}
