/* Loads an append-only file, base and what came after, into the databases by executing what it says.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/persist/aof_manifest.h"
#include "store/persist/loading.h"

struct aof_load_options {
    const char *folder;       /* parameter appenddirname */
    const char *stem;         /* parameter appendfilename */
    bool        may_be_short; /* parameter aof-load-truncated */
    bool        serves;       /* the loop takes turns meanwhile; not from within a command */
};

struct aof_loaded {
    struct aof_manifest *manifest;   /* gives: aof_manifest_free(). Empty where there is no append-only file */
    uint64_t             base_bytes; /* of the base, as it is now */
    uint64_t             all_bytes;  /* of base and incr files, as they are now */
    uint64_t             commands;
};

/* LOADING_ABSENT: there is none: a folder without a manifest, or no folder. LOADING_FAILED: `err` says which file is wrong,
 * where and how; `loaded` holds nothing, what was executed before that stays. LOADING_DONE too when the server was shut down
 * meanwhile.
 * A file <stem> in the working directory, as Redis before 7.0 wrote it, is moved into the folder first and becomes the base.
 * Where the last file ends within a command or a transaction, what is incomplete is cut off if may_be_short.
 * Afterwards server->dirty is as it was before. */
enum loading_result aof_load_run(struct loading *loading, const struct aof_load_options *options, struct aof_loaded *loaded,
                                 struct error *err);
