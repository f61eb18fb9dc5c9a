/* Dump files that a thread reads: whole, left at any piece, damaged, with keys that are longer than a piece. */
#include "lib/unit.h"
#include "base/mem.h"
#include "store/keyspace/key_table.h"
#include "store/persist/rdb_ahead.h"
#include "store/persist/rdb_format.h"
#include "store/persist/rdb_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct hash_key hash_key = {1, 2};

static void add_length(struct bytes *out, size_t size) {
    bytes_add(out, (const char[]){(char)RDB_LEN_32_BYTE, (char)(size >> 24), (char)(size >> 16), (char)(size >> 8), (char)size}, 5);
}

static void add_text(struct bytes *out, size_t size, unsigned number) {
    char digits[16];
    int used = snprintf(digits, sizeof digits, "%08u", number);
    add_length(out, size);
    bytes_add(out, digits, (size_t)used);
    for (size_t i = (size_t)used; i < size; i++) bytes_add(out, "x", 1);
}

static void add_byte(struct bytes *out, unsigned byte) {
    bytes_add(out, (const char[]){(char)byte}, 1);
}

/* Strings that lie in a record, others that are objects, and a key of its own piece among them. */
static void make_file(struct bytes *out, unsigned keys) {
    bytes_add_text(out, "REDIS0010");
    add_byte(out, RDB_AUX);
    bytes_add_text(out, "\x05" "field" "\x05" "value");
    add_byte(out, RDB_SELECT_DB);
    add_byte(out, 3);
    add_byte(out, RDB_RESIZE_DB);
    add_length(out, 0xffffffff); /* a lie */
    add_byte(out, 0);
    for (unsigned i = 0; i < keys; i++) {
        add_byte(out, RDB_STRING);
        add_text(out, i == 700 ? RDB_AHEAD_TEXT_BYTES + 1 : 20, i);
        add_text(out, i % 3 ? 40 : 2000, i);
    }
    add_byte(out, RDB_END);
    bytes_add(out, "\0\0\0\0\0\0\0", 8);
}

static struct rdb_ahead *open_file(struct slice data, char *path) {
    strcpy(path, "/tmp/kvd-unit-ahead-XXXXXX");
    int fd = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, data.data, data.size), (ssize_t)data.size);
    close(fd);
    struct rdb_rules rules = {.set = {.hash_key = &hash_key}};
    struct rdb_ahead *ahead = NULL;
    struct error err;
    CU_ASSERT_EQUAL(rdb_ahead_open(&ahead, path, &rules, &hash_key, 16, true, &err), RDB_FILE_OPEN);
    unlink(path);
    return ahead;
}

static struct rdb_ahead_piece *next(struct rdb_ahead *ahead) {
    struct rdb_ahead_piece *piece;
    do piece = rdb_ahead_next(ahead, 5);
    while (!piece);
    return piece;
}

struct seen {
    unsigned    keys, fields, databases, sizes;
    uint64_t    reserved, ends;
    struct error err;
};

/* Until the end, or so many pieces were seen, of which the last was not given back. */
static enum rdb_result read_pieces(struct rdb_ahead *ahead, unsigned pieces, struct seen *seen) {
    for (;; rdb_ahead_done(ahead)) {
        struct rdb_ahead_piece *piece = next(ahead);
        if (pieces-- == 0) return RDB_MORE;
        switch (piece->what) {
        case RDB_AHEAD_VALUES:
            for (unsigned i = 0; i < piece->count; i++) {
                const struct rdb_ahead_key *key = &piece->keys[i];
                char digits[16];
                snprintf(digits, sizeof digits, "%08u", seen->keys++);
                CU_ASSERT_TRUE(slice_starts_with(key->key.key, digits));
                CU_ASSERT_EQUAL(key->hash, key_table_hash(&hash_key, key->key.key));
                CU_ASSERT_TRUE(key->end > seen->ends);
                seen->ends = key->end;
                if (key->key.value.form == VALUE_TEXT) CU_ASSERT_TRUE(slice_starts_with(key->key.value.text, digits));
            }
            break; /* their objects are freed with the piece */
        case RDB_AHEAD_DATABASE: CU_ASSERT_EQUAL(piece->number, 3); seen->databases++; break;
        case RDB_AHEAD_SIZES: seen->reserved = piece->number; seen->sizes++; break;
        case RDB_AHEAD_FIELD:
            CU_ASSERT_TRUE(slice_is(piece->name, "field") && slice_is(piece->value, "value"));
            seen->fields++;
            break;
        case RDB_AHEAD_LIBRARY: CU_FAIL("there is none"); break;
        case RDB_AHEAD_END: seen->err = piece->err; seen->ends = piece->at; return piece->result;
        }
    }
}

UNIT_TEST(rdb_ahead, all_of_it_in_order) {
    struct bytes data = {0};
    struct seen seen = {0};
    char path[64];
    make_file(&data, 3000);
    struct rdb_ahead *ahead = open_file(bytes_slice(&data), path);
    CU_ASSERT_EQUAL(rdb_ahead_size(ahead), data.size);
    CU_ASSERT_EQUAL(read_pieces(ahead, UINT32_MAX, &seen), RDB_OK);
    CU_ASSERT_TRUE(seen.keys == 3000 && seen.fields == 1 && seen.databases == 1 && seen.sizes == 1);
    CU_ASSERT_EQUAL(seen.ends, data.size);
    CU_ASSERT_TRUE(seen.reserved <= data.size / 4); /* no more than fit into the file */
    rdb_ahead_close(&ahead);
    CU_ASSERT_PTR_NULL(ahead);
    bytes_fini(&data);
}

UNIT_TEST(rdb_ahead, may_be_left_at_any_piece) {
    struct bytes data = {0};
    char path[64];
    make_file(&data, 3000);
    for (unsigned pieces = 0; pieces < 12; pieces++) {
        struct seen seen = {0};
        struct rdb_ahead *ahead = open_file(bytes_slice(&data), path);
        CU_ASSERT_EQUAL(read_pieces(ahead, pieces, &seen), RDB_MORE);
        rdb_ahead_close(&ahead);
    }
    bytes_fini(&data);
}

UNIT_TEST(rdb_ahead, what_is_wrong_comes_after_what_was_good) {
    struct bytes data = {0};
    struct seen seen = {0};
    char path[64];
    make_file(&data, 3000);
    struct rdb_ahead *ahead = open_file(slice_make(data.data, data.size - 20), path);
    CU_ASSERT_EQUAL(read_pieces(ahead, UINT32_MAX, &seen), RDB_BAD);
    CU_ASSERT_EQUAL(seen.keys, 2999);
    CU_ASSERT_PTR_NOT_NULL(strstr(seen.err.text, "it ends after"));
    rdb_ahead_close(&ahead);
    bytes_fini(&data);
}

UNIT_TEST(rdb_ahead, a_file_that_is_not_there) {
    struct rdb_rules rules = {.set = {.hash_key = &hash_key}};
    struct rdb_ahead *ahead = NULL;
    struct error err;
    CU_ASSERT_EQUAL(rdb_ahead_open(&ahead, "/tmp/kvd-unit-ahead-absent", &rules, &hash_key, 16, true, &err), RDB_FILE_ABSENT);
    CU_ASSERT_PTR_NULL(ahead);
}

/* ---- as it comes ---- */

static struct rdb_ahead *open_feed(uint64_t size) {
    struct rdb_rules rules = {.set = {.hash_key = &hash_key}};
    return rdb_ahead_new(&rules, &hash_key, 16, true, size);
}

static enum rdb_result feed_all(struct slice data, size_t step, uint64_t size, struct seen *seen) {
    struct rdb_ahead *ahead = open_feed(size);
    for (size_t at = 0; at < data.size; at += step) {
        (void)rdb_ahead_feed(ahead, slice_make(data.data + at, MIN(step, data.size - at)));
        CU_ASSERT_TRUE(rdb_ahead_waiting(ahead) <= at + step);
    }
    rdb_ahead_feed_end(ahead);
    enum rdb_result result = read_pieces(ahead, UINT32_MAX, seen);
    rdb_ahead_close(&ahead);
    CU_ASSERT_PTR_NULL(ahead);
    return result;
}

UNIT_TEST(rdb_ahead, fed_in_pieces_of_any_size) {
    struct bytes data = {0};
    make_file(&data, 2000);
    const size_t steps[] = {61, 997, 16 * 1024, 256 * 1024, data.size};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct seen seen = {0};
        CU_ASSERT_EQUAL(feed_all(bytes_slice(&data), steps[i], 0, &seen), RDB_OK);
        CU_ASSERT_TRUE(seen.keys == 2000 && seen.fields == 1 && seen.databases == 1 && seen.sizes == 1);
        CU_ASSERT_EQUAL(seen.ends, data.size);
        CU_ASSERT_EQUAL(seen.reserved, RDB_AHEAD_RESERVE); /* its claim is not believed */
    }
    struct seen seen = {0};
    CU_ASSERT_EQUAL(feed_all(bytes_slice(&data), 5000, data.size, &seen), RDB_OK);
    CU_ASSERT_TRUE(seen.reserved <= data.size / 4);
    bytes_fini(&data);
}

UNIT_TEST(rdb_ahead, fed_too_little_or_too_much) {
    struct bytes data = {0};
    make_file(&data, 3);
    for (size_t size = 0; size < data.size; size++) {
        struct seen seen = {0};
        CU_ASSERT_EQUAL(feed_all(slice_make(data.data, size), 700, 0, &seen), RDB_BAD);
        CU_ASSERT_PTR_NOT_NULL(strstr(seen.err.text, "too early"));
    }
    bytes_add(&data, "x", 1);
    for (size_t step = 1; step <= data.size; step += data.size - 1) {
        struct seen seen = {0};
        CU_ASSERT_EQUAL(feed_all(bytes_slice(&data), step, 0, &seen), RDB_BAD);
        CU_ASSERT_EQUAL(seen.keys, 3);
        CU_ASSERT_PTR_NOT_NULL(strstr(seen.err.text, "more behind the end"));
    }
    bytes_fini(&data);
}

UNIT_TEST(rdb_ahead, a_feed_may_be_left_at_any_moment) {
    struct bytes data = {0};
    make_file(&data, 3000);
    for (unsigned pieces = 0; pieces < 8; pieces++) {
        struct seen seen = {0};
        struct rdb_ahead *ahead = open_feed(0);
        (void)rdb_ahead_feed(ahead, slice_make(data.data, data.size - pieces * 1000));
        CU_ASSERT_EQUAL(read_pieces(ahead, pieces, &seen), RDB_MORE);
        rdb_ahead_close(&ahead);
    }
    struct rdb_ahead *ahead = open_feed(0); /* the thread waits for what never comes */
    rdb_ahead_close(&ahead);
    bytes_fini(&data);
}
