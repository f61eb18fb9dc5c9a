/* The whole dataset as an RDB file's bytes.
 *
 * Writes what Redis 7.0 can load. Knows no files: the bytes go to where `out` drains.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/persist/rdb_out.h"

struct databases;

enum rdb_save_usage { RDB_SAVE_NO_USAGE, RDB_SAVE_IDLE, RDB_SAVE_COUNT }; /* what is said of each key's use */

/* Where in which replication stream the data is: fields repl-stream-db, repl-id, repl-offset. */
struct rdb_place {
    int     stream_db;
    char    id[41]; /* "": not said */
    int64_t offset;
};

struct rdb_save {
    enum rdb_save_usage usage;
    bool        is_aof_base;    /* field aof-base */
    const char *server_version; /* field redis-ver */
    int64_t     wall_s;         /* field ctime */
    size_t      used_memory;    /* field used-mem */
    struct rdb_place place;
    bool        without_keys;   /* only what else there is */
    /* Called now and then with how many keys were written; false: stop. May be NULL. */
    bool (*progress)(void *context, uint64_t keys);
    void *context;
};

/* Everything but the checksum, which is the CRC-64 of all bytes. False: progress() said so. */
MUST_USE bool rdb_save_all(struct rdb_out *out, struct databases *databases, const struct rdb_save *save);
