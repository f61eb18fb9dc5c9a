/* Up to where the stream from our primary is on our disk: offsets of the stream beside those of the append-only file.
 *
 * Pure. Both kinds of offsets only grow, but for synced_offset_reset().
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct synced_offset { /* embedded; zeroed and then reset */
    struct synced_pair *pairs; /* [begin, end): where the stream was when the file ended there, and was not synced so far */
    size_t              begin, end, capacity;
    int64_t             offset; /* -1: nothing is known to be on the disk */
};

void synced_offset_reset(struct synced_offset *synced); /* another history, another file, or none */
void synced_offset_fini(struct synced_offset *synced);
/* The stream was executed up to `offset`, and the effects of that end at `file_offset`. Once per turn. */
void synced_offset_note(struct synced_offset *synced, int64_t offset, uint64_t file_offset);
/* The file is synced up to `file_offset`. Returns the offset of the stream that is; -1: none is. */
int64_t synced_offset_advance(struct synced_offset *synced, uint64_t file_offset);
