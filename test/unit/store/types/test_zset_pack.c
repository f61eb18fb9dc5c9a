#include "lib/unit.h"
#include "base/mem.h"
#include "store/types/zset_pack.h"

#include <math.h>
#include <stdio.h>

static char long_text[70000];

static const struct {
    const char *member; /* NULL: so many x */
    size_t      size;
    double      score;
} rows[] = {
    {"", 0, 0},          {"a", 1, 199},          {"7", 1, 200},          {"-1", 2, -1},          {"127", 3, 255},
    {"128", 3, 256},     {"-128", 4, 0.1},       {"-129", 4, 28.5},      {"32767", 5, -0.25},    {"32768", 5, 1e-5},
    {"-32769", 6, 1e-6}, {"2147483647", 10, 1.5}, {"2147483648", 10, 2147483647}, {"-2147483649", 11, 2147483648.0},
    {"9223372036854775807", 19, 1e17}, {"-9223372036854775808", 20, INFINITY}, {"9223372036854775808", 19, -INFINITY},
    {"007", 3, 5e-324},  {"1.5", 3, 1.0 / 3},    {"\0\0", 2, -32768},    {NULL, 247, 32768},     {NULL, 248, 1e300},
    {NULL, 240, 3},      {NULL, 70000, -1e300},
};

static struct slice member_of(size_t row) {
    return slice_make(rows[row].member ? rows[row].member : long_text, rows[row].size);
}

static void expect_row(const struct zset_pack_entry *entry, size_t row) {
    char buffer[NUMBER_TEXT_SIZE];
    CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
    CU_ASSERT_TRUE(slice_equal(zset_pack_member(entry, buffer), member_of(row)));
    CU_ASSERT_EQUAL(zset_pack_score(entry), rows[row].score);
}

static void expect_rows(const struct zset_pack *pack, size_t first, size_t end) {
    const struct zset_pack_entry *entry = zset_pack_first(pack), *last = NULL;
    CU_ASSERT_EQUAL_FATAL(zset_pack_count(pack), end - first);
    for (size_t i = first; i < end; i++, last = entry, entry = zset_pack_next(pack, entry)) {
        expect_row(entry, i);
        CU_ASSERT_PTR_EQUAL(zset_pack_at(pack, i - first), entry);
        CU_ASSERT_PTR_EQUAL(zset_pack_find(pack, member_of(i)), entry);
        CU_ASSERT_PTR_EQUAL(zset_pack_previous(pack, entry), last);
    }
    CU_ASSERT_PTR_NULL(entry);
    CU_ASSERT_PTR_NULL(zset_pack_at(pack, end - first));
}

UNIT_TEST(zset_pack, keeps_members_and_scores_of_every_form) {
    memset(long_text, 'x', sizeof long_text);
    struct zset_pack *pack = zset_pack_new();
    CU_ASSERT_PTR_NULL(zset_pack_first(pack));
    /* The odd ones, then the even ones between them. */
    for (size_t i = 1; i < COUNT_OF(rows); i += 2) zset_pack_insert(&pack, NULL, member_of(i), rows[i].score);
    for (size_t i = 0; i < COUNT_OF(rows); i += 2) zset_pack_insert(&pack, zset_pack_at(pack, i), member_of(i), rows[i].score);
    expect_rows(pack, 0, COUNT_OF(rows));
    CU_ASSERT_PTR_NULL(zset_pack_find(pack, SLICE("nobody")));
    struct zset_pack *copy = zset_pack_copy(pack);
    zset_pack_remove(&pack, zset_pack_first(pack), COUNT_OF(rows));
    CU_ASSERT_EQUAL(zset_pack_count(pack), 0);
    mem_free(pack);
    expect_rows(copy, 0, COUNT_OF(rows));
    for (size_t i = COUNT_OF(rows); i-- > 5;) zset_pack_remove(&copy, zset_pack_at(copy, i), 1);
    expect_rows(copy, 0, 5);
    zset_pack_remove(&copy, zset_pack_first(copy), 2);
    expect_rows(copy, 2, 5);
    mem_free(copy);
}

UNIT_TEST(zset_pack, twenty_small_members_take_256_bytes) {
    struct zset_pack *pack = zset_pack_new();
    for (int i = 0; i < 20; i++) {
        char text[32];
        zset_pack_insert(&pack, NULL, slice_make(text, (size_t)sprintf(text, "m29999:%d", i)), i * 1.5);
    }
    CU_ASSERT_TRUE(mem_size(pack) <= 256);
    mem_free(pack);
}

UNIT_TEST(zset_pack, minus_zero_becomes_zero) {
    struct zset_pack *pack = zset_pack_new();
    zset_pack_insert(&pack, NULL, SLICE("m"), -0.0);
    CU_ASSERT_FALSE(signbit(zset_pack_score(zset_pack_first(pack))));
    mem_free(pack);
}
