#include "store/persist/rdb_in.h"
#include "base/lzf.h"
#include "base/mem.h"
#include "store/persist/rdb_format.h"

#include <endian.h>
#include <math.h>

enum { KEEP_UNPACKED = 64 * 1024 }; /* larger memory is not kept for the next text */

void rdb_text_fini(struct rdb_text *text) {
    mem_free(text->unpacked);
    *text = (struct rdb_text){0};
}

enum rdb_result rdb_in_bad(struct rdb_in *in, const char *wrong) {
    in->wrong = wrong;
    return RDB_BAD;
}

static enum rdb_result more(struct rdb_in *in, size_t wanted) {
    in->wanted = wanted;
    return RDB_MORE;
}

enum rdb_result rdb_in_bytes(struct rdb_in *in, size_t size, struct slice *bytes) {
    if (rdb_in_left(in) < size) return more(in, size);
    *bytes = slice_make(in->at, size);
    in->at += size;
    return RDB_OK;
}

enum rdb_result rdb_in_i32(struct rdb_in *in, int64_t *number) {
    struct slice bytes;
    uint32_t little;
    enum rdb_result result = rdb_in_bytes(in, sizeof little, &bytes);
    if (result != RDB_OK) return result;
    memcpy(&little, bytes.data, sizeof little);
    *number = (int32_t)le32toh(little);
    return RDB_OK;
}

enum rdb_result rdb_in_u64(struct rdb_in *in, uint64_t *number) {
    struct slice bytes;
    enum rdb_result result = rdb_in_bytes(in, sizeof *number, &bytes);
    if (result != RDB_OK) return result;
    memcpy(number, bytes.data, sizeof *number);
    *number = le64toh(*number);
    return RDB_OK;
}

enum rdb_result rdb_in_double(struct rdb_in *in, double *number) {
    uint64_t bits;
    enum rdb_result result = rdb_in_u64(in, &bits);
    if (result != RDB_OK) return result;
    memcpy(number, &bits, sizeof *number);
    if (!isnan(*number)) return RDB_OK;
    in->at -= sizeof bits;
    return rdb_in_bad(in, "a score that is not a number");
}

enum rdb_result rdb_in_text_double(struct rdb_in *in, double *number) {
    const char *start = in->at;
    unsigned size;
    struct slice text;
    enum rdb_result result = rdb_in_byte(in, &size);
    if (result != RDB_OK) return result;
    if (size == 254 || size == 255) {
        *number = size == 255 ? -INFINITY : INFINITY;
        return RDB_OK;
    }
    if (size != 253 && (result = rdb_in_bytes(in, size, &text)) == RDB_OK && number_parse_double(text, number)) return RDB_OK;
    in->at = start;
    if (result == RDB_MORE) return more(in, size + 1);
    return rdb_in_bad(in, "a score that is not a number");
}

/* A length, or (`*encoding` is then 0 to 63) what says how a text is encoded. */
static enum rdb_result take_length(struct rdb_in *in, uint64_t *length, int *encoding) {
    const unsigned char *at = (const unsigned char *)in->at;
    size_t left = rdb_in_left(in), size = 1;
    *encoding = -1;
    if (!left) return more(in, 1);
    switch (at[0] >> 6) {
    case RDB_LEN_6: *length = at[0]; break;
    case RDB_LEN_14:
        if (left < (size = 2)) return more(in, size);
        *length = (uint64_t)(at[0] & 63) << 8 | at[1];
        break;
    case RDB_LEN_ENCODED: *encoding = at[0] & 63; break;
    default:
        if (at[0] == RDB_LEN_32_BYTE) {
            uint32_t big;
            if (left < (size = 1 + sizeof big)) return more(in, size);
            memcpy(&big, at + 1, sizeof big);
            *length = be32toh(big);
        } else if (at[0] == RDB_LEN_64_BYTE) {
            if (left < (size = 1 + sizeof *length)) return more(in, size);
            memcpy(length, at + 1, sizeof *length);
            *length = be64toh(*length);
        } else {
            return rdb_in_bad(in, "a length of unknown form");
        }
    }
    in->at += size;
    return RDB_OK;
}

enum rdb_result rdb_in_any_length(struct rdb_in *in, uint64_t *length) {
    int encoding;
    const char *start = in->at;
    enum rdb_result result = take_length(in, length, &encoding);
    if (result != RDB_OK || encoding < 0) return result;
    in->at = start;
    return rdb_in_bad(in, "an encoded text where a length belongs");
}

static enum rdb_result take_integer(struct rdb_in *in, int encoding, struct rdb_text *text) {
    struct slice bytes;
    size_t size = encoding == RDB_ENC_INT8 ? 1 : encoding == RDB_ENC_INT16 ? 2 : 4;
    enum rdb_result result = rdb_in_bytes(in, size, &bytes);
    if (result != RDB_OK) return result;
    const unsigned char *at = (const unsigned char *)bytes.data;
    text->is_number = true;
    text->number = size == 1   ? (int8_t)at[0]
                   : size == 2 ? (int16_t)(at[0] | at[1] << 8)
                               : (int32_t)((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
    text->text = slice_make(text->buffer, number_print_int(text->buffer, text->number));
    return RDB_OK;
}

static enum rdb_result take_packed(struct rdb_in *in, struct rdb_text *text) {
    uint64_t packed_size, size;
    struct slice packed;
    enum rdb_result result;
    if ((result = rdb_in_length(in, &packed_size)) != RDB_OK || (result = rdb_in_length(in, &size)) != RDB_OK) return result;
    if (size > lzf_unpacked_max(packed_size)) return rdb_in_bad(in, "a packed text that claims an impossible size");
    if (packed_size > SIZE_MAX / 2) return rdb_in_bad(in, "a text of impossible size");
    if ((result = rdb_in_bytes(in, (size_t)packed_size, &packed)) != RDB_OK) return result;
    if (!text->unpacked || mem_size(text->unpacked) < size || mem_size(text->unpacked) > KEEP_UNPACKED) {
        mem_free(text->unpacked);
        text->unpacked = mem_try_alloc((size_t)size);
        if (!text->unpacked) return rdb_in_bad(in, "a packed text that is larger than the memory");
    }
    if (!lzf_unpack(packed, text->unpacked, (size_t)size)) return rdb_in_bad(in, "a packed text that cannot be unpacked");
    text->text = slice_make(text->unpacked, (size_t)size);
    return RDB_OK;
}

enum rdb_result rdb_in_any_text(struct rdb_in *in, struct rdb_text *text) {
    const char *start = in->at;
    uint64_t size;
    int encoding;
    text->is_number = false;
    enum rdb_result result = take_length(in, &size, &encoding);
    if (result != RDB_OK) return result;
    if (encoding < 0) {
        if (size > SIZE_MAX / 2) result = rdb_in_bad(in, "a text of impossible size");
        else result = rdb_in_bytes(in, (size_t)size, &text->text);
    } else if (encoding == RDB_ENC_LZF) {
        result = take_packed(in, text);
    } else if (encoding <= RDB_ENC_INT32) {
        result = take_integer(in, encoding, text);
    } else {
        result = rdb_in_bad(in, "a text of unknown encoding");
    }
    if (result == RDB_OK) return RDB_OK;
    if (result == RDB_MORE) in->wanted += (size_t)(in->at - start);
    in->at = start;
    return result;
}
