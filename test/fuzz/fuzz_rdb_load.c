/* Any bytes as a dump file: what the loader tells its sink is the same whether the bytes are shown at once or in pieces, every
 * value can be freed, and an error has words.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/mem.h"
#include "store/persist/rdb_load.h"
#include "store/persist/rdb_rules.h"

static const struct hash_key hash_key = {1, 2};

struct summary {
    uint64_t keys, bytes, databases;
    int      result;
    uint64_t offset;
};

static bool on_database(void *context, uint64_t number, struct error *err) {
    ((struct summary *)context)->databases++;
    return number < 16 || error_set(err, "no such database");
}

static bool on_key(void *context, struct rdb_key *key, struct error *err) {
    struct summary *summary = context;
    summary->keys++;
    summary->bytes += key->key.size;
    if (!key->is_empty && key->value.form == VALUE_OBJECT)
        value_free_object(key->value.type, key->value.encoding, key->value.object);
    return true;
}

static void on_field(void *context, struct slice name, struct slice value) {
    ((struct summary *)context)->bytes += name.size + value.size;
}

static struct summary load(struct slice data, size_t step, bool deep) {
    struct rdb_rules rules = {.hash = {.max_entries = 8, .max_text_bytes = 16, .hash_key = &hash_key},
                              .set = {.hash_key = &hash_key, .max_intset_entries = 8, .max_listpack_entries = 8, .max_listpack_bytes = 16},
                              .zset = {.max_entries = 8, .max_member_bytes = 16, .hash_key = &hash_key},
                              .deep = deep};
    struct summary summary = {0};
    struct rdb_sink sink = {.context = &summary, .database = on_database, .key = on_key, .field = on_field};
    struct rdb_loader *loader = rdb_loader_new(&rules, &sink, false);
    struct error err = {""};
    size_t taken = 0, shown = 0;
    enum rdb_result result;
    do {
        shown = MIN(data.size, shown + step);
        /* A copy of exactly what is there, so that a sanitizer sees who reads beyond. */
        char *piece = mem_strndup(data.data + taken, shown - taken);
        struct rdb_in in = {.at = piece, .end = piece + (shown - taken)};
        result = rdb_loader_feed(loader, &in, &err);
        CHECK(result != RDB_MORE || in.wanted > rdb_in_left(&in));
        CHECK((result == RDB_BAD) == (err.text[0] != 0));
        taken += (size_t)(in.at - piece);
        mem_free(piece);
    } while (result == RDB_MORE && shown < data.size);
    summary.result = (int)result;
    summary.offset = rdb_loader_offset(loader);
    CHECK(summary.offset == taken);
    rdb_loader_free(&loader);
    return summary;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    struct slice bytes = slice_make(data + 1, size - 1);
    struct summary whole = load(bytes, bytes.size + 1, data[0] & 1), pieces = load(bytes, 1 + (data[0] >> 1), data[0] & 1);
    CHECK(whole.result == pieces.result);
    CHECK(whole.keys == pieces.keys);
    CHECK(whole.bytes == pieces.bytes);
    CHECK(whole.databases == pieces.databases);
    return 0;
}
