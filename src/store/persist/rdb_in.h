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

enum rdb_result rdb_in_bytes(struct rdb_in *in, size_t size, struct slice *bytes); /* lends */
enum rdb_result rdb_in_i32(struct rdb_in *in, int64_t *number);                     /* 4 bytes LE */
enum rdb_result rdb_in_u64(struct rdb_in *in, uint64_t *number);                    /* 8 bytes LE */
enum rdb_result rdb_in_double(struct rdb_in *in, double *number);                   /* not NaN */
enum rdb_result rdb_in_text_double(struct rdb_in *in, double *number);              /* of RDB_ZSET; not NaN */
enum rdb_result rdb_in_any_length(struct rdb_in *in, uint64_t *length); /* rdb_in_length()'s */
enum rdb_result rdb_in_any_text(struct rdb_in *in, struct rdb_text *text); /* rdb_in_text()'s */

static inline enum rdb_result rdb_in_byte(struct rdb_in *in, unsigned *byte) {
    if (LIKELY(in->at != in->end)) {
        *byte = (unsigned char)*in->at++;
        return RDB_OK;
    }
    in->wanted = 1;
    return RDB_MORE;
}

/* Most lengths have one byte or two, and most texts lie there as they are: that is inline. */
static inline enum rdb_result rdb_in_length(struct rdb_in *in, uint64_t *length) {
    if (UNLIKELY(in->at == in->end || (unsigned char)*in->at >= 64)) return rdb_in_any_length(in, length);
    *length = (unsigned char)*in->at++;
    return RDB_OK;
}

static inline enum rdb_result rdb_in_text(struct rdb_in *in, struct rdb_text *text) {
    const unsigned char *at = (const unsigned char *)in->at;
    size_t left = rdb_in_left(in);
    if (UNLIKELY(left < 2 || at[0] >= 128)) return rdb_in_any_text(in, text);
    size_t head = at[0] < 64 ? 1 : 2, size = at[0] < 64 ? at[0] : (size_t)(at[0] & 63) << 8 | at[1];
    if (UNLIKELY(size > left - head)) return rdb_in_any_text(in, text);
    text->is_number = false;
    text->text = slice_make(in->at + head, size);
    in->at += head + size;
    return RDB_OK;
}
