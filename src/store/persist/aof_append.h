/* The file that the newest commands of an append-only file go to: what could not be written whole is cut off again.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/error.h"

struct aof_append { /* shown for embedding */
    int      fd;   /* -1: closed */
    uint64_t size; /* bytes in it, each of them part of a whole command */
};

/* Opens it, or makes it; `empties`: what is in it goes. */
MUST_USE bool aof_append_open(struct aof_append *file, const char *path, bool empties, struct error *err);
/* Adds them behind what is there. False: `err`, and errno; `*taken` of the bytes are in the file to stay, so that the rest is
 * to be written later: none, as a rule. */
MUST_USE bool aof_append_write(struct aof_append *file, struct slice bytes, size_t *taken, struct error *err);
/* What lies behind the first `size` bytes goes. False: it is still there; errno. */
MUST_USE bool aof_append_cut(struct aof_append *file, uint64_t size);
