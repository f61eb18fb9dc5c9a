/* Reads a dump, from a file or as it comes, on a thread of its own, ahead of who puts what it says into the databases.
 *
 *     the thread: file or feed -> checksum, texts, values, hashes -> piece -+
 *     the caller: databases <- records <- piece <---------------------------+     a ring of a few pieces, in the dump's order
 *
 * A piece belongs to one side at a time. The thread knows neither databases nor settings: what it needs it is given.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/persist/rdb_file.h"

struct hash_key;
struct rdb_ahead;

enum { RDB_AHEAD_KEYS = 256, RDB_AHEAD_TEXT_BYTES = 64 * 1024, RDB_AHEAD_RESERVE = 1 << 20 };

enum rdb_ahead_what {
    RDB_AHEAD_VALUES,   /* keys[0..count) */
    RDB_AHEAD_DATABASE, /* number: those that follow belong there */
    RDB_AHEAD_SIZES,    /* number: of keys that will come, and not more than fit into what is left (at most RDB_AHEAD_RESERVE, unknown) */
    RDB_AHEAD_FIELD,    /* name and value; what is longer than half of RDB_AHEAD_TEXT_BYTES is cut */
    RDB_AHEAD_LIBRARY,  /* of functions */
    RDB_AHEAD_END       /* nothing follows. RDB_OK, or RDB_BAD and why; at: where what was read ends */
};

struct rdb_ahead_key {
    struct rdb_key key; /* lent, but the object of its value, which is taken by who raises `taken` */
    uint64_t       hash;
    uint64_t       end; /* the offset behind it */
};

struct rdb_ahead_piece {
    enum rdb_ahead_what  what;
    unsigned             count, taken; /* what was not taken is freed with the piece */
    struct rdb_ahead_key keys[RDB_AHEAD_KEYS];
    uint64_t             number, at;
    struct slice         name, value;
    enum rdb_result      result;
    struct error         err;
    size_t               used; /* of `texts` */
    char                *long_text; /* instead of them; NULL: it is not needed */
    char                 texts[RDB_AHEAD_TEXT_BYTES];
};

/* Keeps the hash key. `databases`: how many there are; another one is an error. gives: rdb_ahead_close(), when it is open. */
enum rdb_file_opened rdb_ahead_open(struct rdb_ahead **ahead, const char *path, const struct rdb_rules *rules,
                                    const struct hash_key *hash_key, int databases, bool verify_checksum, struct error *err);
/* The same for a dump that comes bit by bit. `size` in bytes, 0: unknown; it only bounds what RDB_AHEAD_SIZES says. gives */
struct rdb_ahead *rdb_ahead_new(const struct rdb_rules *rules, const struct hash_key *hash_key, int databases, bool verify_checksum,
                                uint64_t size);
/* More of it. How many bytes the thread has not looked at yet: who feeds it waits (and takes pieces) when these are many. */
size_t rdb_ahead_feed(struct rdb_ahead *ahead, struct slice bytes);
size_t rdb_ahead_waiting(struct rdb_ahead *ahead);
void   rdb_ahead_feed_end(struct rdb_ahead *ahead); /* that was all */
uint64_t rdb_ahead_size(const struct rdb_ahead *ahead); /* bytes, as of opening */
/* The next piece, lent until rdb_ahead_done(). NULL: none came within this time. */
struct rdb_ahead_piece *rdb_ahead_next(struct rdb_ahead *ahead, unsigned wait_ms);
void                    rdb_ahead_done(struct rdb_ahead *ahead);
/* Also before the end. */
void rdb_ahead_close(struct rdb_ahead **ahead);
