/* Any bytes as type and value of a dump: refused, or a value that can be written, read again and freed; and the same when
 * the bytes come in pieces.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/mem.h"
#include "store/persist/dump_payload.h"
#include "store/persist/rdb_read.h"
#include "store/persist/rdb_write.h"

static const struct hash_key hash_key = {1, 2};

static struct rdb_rules rules_of(bool deep) {
    return (struct rdb_rules){.hash = {.max_entries = 8, .max_text_bytes = 16, .hash_key = &hash_key},
                              .set = {.hash_key = &hash_key, .max_intset_entries = 8, .max_listpack_entries = 8, .max_listpack_bytes = 16},
                              .zset = {.max_entries = 8, .max_member_bytes = 16, .hash_key = &hash_key},
                              .deep = deep};
}

static void drop(struct value *value) {
    if (value->form == VALUE_OBJECT) value_free_object(value->type, value->encoding, value->object);
}

/* In pieces of `step` bytes more each time. Whether there was a value that used up everything. */
static bool read_in_pieces(struct slice body, size_t step, const struct rdb_rules *rules) {
    struct rdb_reader *reader = rdb_reader_new(rules);
    struct value value;
    bool good = false;
    if (body.size && rdb_reader_begin(reader, (unsigned char)body.data[0])) {
        size_t taken = 1, shown = 1;
        enum rdb_result result;
        do {
            /* A copy of exactly what is there, so that a sanitizer sees who reads beyond. */
            shown = MIN(body.size, shown + step);
            char *piece = mem_strndup(body.data + taken, shown - taken);
            struct rdb_in in = {.at = piece, .end = piece + (shown - taken)};
            result = rdb_reader_step(reader, &in, &value);
            CHECK(result != RDB_MORE || in.wanted > rdb_in_left(&in));
            taken += (size_t)(in.at - piece);
            if (result == RDB_OK) drop(&value);
            mem_free(piece);
        } while (result == RDB_MORE && shown < body.size);
        good = result == RDB_OK && taken == body.size;
    }
    rdb_reader_free(&reader);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    struct rdb_rules rules = rules_of(data[0] & 1);
    struct slice body = slice_make(data + 1, size - 1);
    struct value value, again;
    char *memory;
    bool good = dump_payload_read(body, &rules, &value, &memory);
    CHECK(good == read_in_pieces(body, 1 + (data[0] >> 1), &rules));
    if (!good) return 0;
    struct rdb_out out;
    rdb_out_init(&out, 16, data[0] & 2);
    dump_payload_write(&out, &value);
    struct slice written = slice_make(out.data, out.size), opened;
    bool can_be_opened = dump_payload_open(written, &opened);
    CHECK(can_be_opened);
    drop(&value);
    mem_free(memory);
    bool can_be_read = dump_payload_read(opened, &rules, &again, &memory);
    CHECK(can_be_read);
    drop(&again);
    mem_free(memory);
    rdb_out_fini(&out);
    return 0;
}
