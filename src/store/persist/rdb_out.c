#include "store/persist/rdb_out.h"
#include "base/lzf.h"
#include "base/number.h"
#include "store/persist/rdb_format.h"

#include <endian.h>

enum { NUMBER_MAX = 11, COMPRESS_ABOVE = 20, COMPRESS_SAVES = 4 };

void rdb_out_init(struct rdb_out *out, size_t capacity, bool compress) {
    *out = (struct rdb_out){.compress = compress};
    out->data = mem_alloc(capacity);
    out->capacity = capacity;
}

void rdb_out_fini(struct rdb_out *out) {
    mem_free(out->data);
    *out = (struct rdb_out){0};
}

void rdb_out_flush(struct rdb_out *out) {
    if (out->drain && out->size) {
        out->drain(out->context, slice_make(out->data, out->size));
        out->size = 0;
    }
}

void rdb_out_make_room(struct rdb_out *out, size_t size) {
    rdb_out_flush(out);
    if (out->capacity - out->size >= size) return;
    CHECK(size < SIZE_MAX / 4);
    size_t wanted = out->size + size;
    out->data = mem_realloc(out->data, wanted + (out->drain ? 0 : wanted / 2));
    out->capacity = mem_size(out->data);
}

void rdb_out_u64(struct rdb_out *out, uint64_t number) {
    uint64_t little = htole64(number);
    rdb_out_bytes(out, &little, sizeof little);
}

void rdb_out_double(struct rdb_out *out, double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    rdb_out_u64(out, bits);
}

void rdb_out_long_length(struct rdb_out *out, uint64_t length) {
    if (length < 64) {
        rdb_out_byte(out, (unsigned)length);
    } else if (length < 1 << 14) {
        rdb_out_byte(out, RDB_LEN_14 << 6 | (unsigned)(length >> 8));
        rdb_out_byte(out, length & 255);
    } else if (length <= UINT32_MAX) {
        uint32_t big = htobe32((uint32_t)length);
        rdb_out_byte(out, RDB_LEN_32_BYTE);
        rdb_out_bytes(out, &big, sizeof big);
    } else {
        uint64_t big = htobe64(length);
        rdb_out_byte(out, RDB_LEN_64_BYTE);
        rdb_out_bytes(out, &big, sizeof big);
    }
}

/* False: it needs more than 32 bits, nothing was written. */
static bool put_integer(struct rdb_out *out, int64_t number) {
    uint32_t little = htole32((uint32_t)number);
    unsigned size = number == (int8_t)number ? 1 : number == (int16_t)number ? 2 : 4;
    if (number != (int32_t)number) return false;
    rdb_out_byte(out, RDB_LEN_ENCODED << 6 | (size == 1 ? RDB_ENC_INT8 : size == 2 ? RDB_ENC_INT16 : RDB_ENC_INT32));
    rdb_out_bytes(out, &little, size);
    return true;
}

static void put_plain(struct rdb_out *out, struct slice text) {
    rdb_out_length(out, text.size);
    rdb_out_bytes(out, text.data, text.size);
}

enum { HEAD_MAX = 1 + 9 + 9 };

/* In place: the head is written before the packed bytes when it is known how many these are. */
static bool put_packed(struct rdb_out *out, struct slice text) {
    char *at = rdb_out_room(out, HEAD_MAX + text.size);
    size_t size = lzf_pack(text, at + HEAD_MAX, text.size - COMPRESS_SAVES);
    if (!size) return false;
    char *packed = at + HEAD_MAX;
    rdb_out_byte(out, RDB_LEN_ENCODED << 6 | RDB_ENC_LZF);
    rdb_out_length(out, size);
    rdb_out_length(out, text.size);
    memmove(out->data + out->size, packed, size);
    out->size += size;
    return true;
}

void rdb_out_text(struct rdb_out *out, struct slice text) {
    int64_t number;
    if (text.size <= NUMBER_MAX) {
        bool may_be = text.size && (text.data[0] == '-' || (text.data[0] >= '0' && text.data[0] <= '9'));
        if (may_be && number_parse_int(text, &number) && put_integer(out, number)) return;
    } else if (out->compress && text.size > COMPRESS_ABOVE && put_packed(out, text)) {
        return;
    }
    put_plain(out, text);
}

void rdb_out_number(struct rdb_out *out, int64_t number) {
    char text[NUMBER_TEXT_SIZE];
    if (!put_integer(out, number)) put_plain(out, slice_make(text, number_print_int(text, number)));
}
