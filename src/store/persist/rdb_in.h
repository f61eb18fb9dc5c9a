/* Reading what RDB is made of, from bytes of which there may be more to come.
 *
 * Each function either takes one thing and moves `at` behind it, or leaves `at` where it is: RDB_MORE (call again when
 * `wanted` bytes or more lie from `at` on) or RDB_BAD (it is damaged; `wrong` says how). No length is believed before
 * that many bytes are there.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/number.h"

enum rdb_result { RDB_OK, RDB_MORE, RDB_BAD, RDB_EMPTY /* only of rdb_reader_step() */ };

struct rdb_in { /* shown for embedding; at and end are the caller's */
    const char *at, *end;
    size_t      wanted;
    const char *wrong;
};

/* A text that was read. It lies in the bytes that were read or in here: good until both change. Zeroed before its first
 * use, which may be followed by others; rdb_text_fini() in the end. */
struct rdb_text {
    struct slice text;
    bool         is_number; /* it was stored as one */
    int64_t      number;
    char         buffer[NUMBER_TEXT_SIZE];
    char        *unpacked;
};
void rdb_text_fini(struct rdb_text *text);

static inline size_t rdb_in_left(const struct rdb_in *in) {
    return (size_t)(in->end - in->at);
}
enum rdb_result rdb_in_bad(struct rdb_in *in, const char *wrong); /* "a list without elements" */

enum rdb_result rdb_in_byte(struct rdb_in *in, unsigned *byte);
enum rdb_result rdb_in_bytes(struct rdb_in *in, size_t size, struct slice *bytes); /* lends */
enum rdb_result rdb_in_i32(struct rdb_in *in, int64_t *number);                     /* 4 bytes LE */
enum rdb_result rdb_in_u64(struct rdb_in *in, uint64_t *number);                    /* 8 bytes LE */
enum rdb_result rdb_in_double(struct rdb_in *in, double *number);                   /* not NaN */
enum rdb_result rdb_in_text_double(struct rdb_in *in, double *number);              /* of RDB_ZSET; not NaN */
enum rdb_result rdb_in_length(struct rdb_in *in, uint64_t *length);
enum rdb_result rdb_in_text(struct rdb_in *in, struct rdb_text *text);
