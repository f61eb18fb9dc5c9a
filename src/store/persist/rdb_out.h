/* Writing what RDB is made of: bytes, lengths, texts, numbers; into memory, which may be drained as it fills.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/mem.h"

struct rdb_out { /* use the functions; `data` and `size` may be read */
    char  *data;
    size_t size, capacity;
    bool   compress; /* texts of more than 20 bytes, where that makes them shorter */
    /* NULL: everything is kept. Else called when the memory is full, with what is in it; afterwards it is empty. */
    void (*drain)(void *context, struct slice bytes);
    void *context;
};

/* `capacity` bytes are set aside at once. */
void rdb_out_init(struct rdb_out *out, size_t capacity, bool compress);
void rdb_out_fini(struct rdb_out *out);
/* Hands what is there to drain(). */
void rdb_out_flush(struct rdb_out *out);
void rdb_out_make_room(struct rdb_out *out, size_t size);

static inline char *rdb_out_room(struct rdb_out *out, size_t size) {
    if (UNLIKELY(out->capacity - out->size < size)) rdb_out_make_room(out, size);
    return out->data + out->size;
}
static inline void rdb_out_bytes(struct rdb_out *out, const void *data, size_t size) {
    char *at = rdb_out_room(out, size);
    if (size) memcpy(at, data, size);
    out->size += size;
}
static inline void rdb_out_byte(struct rdb_out *out, unsigned byte) {
    *rdb_out_room(out, 1) = (char)byte;
    out->size++;
}
void rdb_out_u64(struct rdb_out *out, uint64_t number); /* 8 bytes LE */
void rdb_out_double(struct rdb_out *out, double number); /* 8 bytes, binary64 LE */
void rdb_out_long_length(struct rdb_out *out, uint64_t length);
static inline void rdb_out_length(struct rdb_out *out, uint64_t length) {
    if (LIKELY(length < 64)) rdb_out_byte(out, (unsigned)length);
    else rdb_out_long_length(out, length);
}
/* A text in its shortest form: as an integer, packed with LZF, or as it is. */
void rdb_out_text(struct rdb_out *out, struct slice text);
/* The text of a number. */
void rdb_out_number(struct rdb_out *out, int64_t number);
