#include "lib/unit.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/types/member_table.h"

static const struct hash_key hash_key = {3, 4};

static uint64_t hash(struct slice key) {
    return member_table_hash(&hash_key, key);
}

/* What member number i is called: some are long, one is empty. */
static struct slice name(struct bytes *text, unsigned i) {
    bytes_clear(text);
    if (i) bytes_add_printf(text, "m%u", i);
    if (i % 7 == 3) bytes_add_printf(text, "%060d", 0);
    if (i % 50 == 9) bytes_add_printf(text, "%0300d", 0);
    return bytes_slice(text);
}

static struct slice value(struct bytes *text, unsigned long n) {
    bytes_clear(text);
    if (n % 5) bytes_add_printf(text, "%lu%0*d", n, (int)(n % 11 == 0 ? 400 : n % 90), 0);
    return bytes_slice(text);
}

enum { MODEL = 600 };
struct model {
    bool          is_there;
    unsigned long value;
    int64_t       deadline_ms;
};

static void count_member(void *context, const struct member *member) {
    size_t seen = (size_t)(uintptr_t)table_find(context, member->key);
    table_set(context, member->key, (void *)(uintptr_t)(seen + 1));
}

static void compare(struct member_table *table, const struct model *model, size_t count) {
    struct bytes  a = {0}, b = {0};
    struct member member;
    member_table_check(table);
    CU_ASSERT_EQUAL_FATAL(member_table_count(table), count);
    for (unsigned i = 0; i < MODEL; i++) {
        struct slice key = name(&a, i);
        bool         found = member_table_find(table, key, hash(key), &member);
        CU_ASSERT_EQUAL_FATAL(found, model[i].is_there);
        if (!found) continue;
        CU_ASSERT_TRUE_FATAL(slice_equal(member.key, key));
        CU_ASSERT_TRUE_FATAL(slice_equal(member.value, value(&b, model[i].value)));
        CU_ASSERT_EQUAL_FATAL(member.deadline_ms, model[i].deadline_ms);
    }
    struct table *seen = table_new();
    uint64_t      cursor = 0;
    while (member_table_scan(table, &cursor, count_member, seen)) continue;
    CU_ASSERT_EQUAL(table_count(seen), count);
    struct table_walk walk = {0};
    while (table_next(seen, &walk)) CU_ASSERT_EQUAL_FATAL((uintptr_t)walk.value, 1);
    table_free(&seen, NULL);
    bytes_fini(&a);
    bytes_fini(&b);
}

/* Phases in which members are added more often than removed, and the other way round, so that it grows and shrinks. */
UNIT_TEST(member_table, agrees_with_a_model) {
    struct random random;
    random_seed(&random, 12);
    struct bytes a = {0}, b = {0};
    for (int round = 0; round < 20; round++) {
        struct member_table *table = member_table_new(&hash_key);
        struct model         model[MODEL] = {{0}};
        size_t               count = 0;
        for (int step = 0; step < 4000; step++) {
            unsigned      i = (unsigned)random_below(&random, round % 4 ? MODEL : 20), what = (unsigned)random_below(&random, 10);
            struct model *expected = &model[i];
            struct slice  key = name(&a, i);
            int64_t       deadline_ms = random_below(&random, 3) ? MEMBER_NEVER : (int64_t)random_below(&random, 1000000);
            bool          shrinks = step % 1000 > 600;
            if (what < (shrinks ? 1 : 4)) {
                unsigned long n = random_below(&random, 10000);
                CU_ASSERT_EQUAL_FATAL(member_table_put(table, key, hash(key), value(&b, n), deadline_ms), !expected->is_there);
                count += !expected->is_there;
                *expected = (struct model){true, n, deadline_ms};
            } else if (what < (shrinks ? 2 : 6)) {
                CU_ASSERT_EQUAL_FATAL(member_table_add(table, key, hash(key)), !expected->is_there);
                count += !expected->is_there;
                if (!expected->is_there) *expected = (struct model){true, 0, MEMBER_NEVER};
            } else if (what == 6) {
                CU_ASSERT_EQUAL_FATAL(member_table_set_deadline(table, key, hash(key), deadline_ms), expected->is_there);
                expected->deadline_ms = deadline_ms;
            } else {
                CU_ASSERT_EQUAL_FATAL(member_table_remove(table, key, hash(key)), expected->is_there);
                count -= expected->is_there;
                expected->is_there = false;
            }
            if (step % 500 == 0) compare(table, model, count);
        }
        compare(table, model, count);
        struct member_table *copy = member_table_copy(table);
        member_table_free(&table);
        compare(copy, model, count);
        CU_ASSERT_TRUE(member_table_memory(copy) > count * 8);
        for (unsigned i = 0; i < MODEL; i++) {
            struct slice key = name(&a, i);
            CU_ASSERT_EQUAL(member_table_remove(copy, key, hash(key)), model[i].is_there);
        }
        member_table_check(copy);
        CU_ASSERT_EQUAL(member_table_count(copy), 0);
        member_table_free(&copy);
    }
    bytes_fini(&a);
    bytes_fini(&b);
}

static void add_number(struct member_table *table, uint64_t n) {
    char         text[32];
    struct slice key = slice_make(text, (size_t)sprintf(text, "member:%012llu", (unsigned long long)n));
    CU_ASSERT_TRUE(member_table_add(table, key, hash(key)));
}

UNIT_TEST(member_table, takes_few_bytes_for_a_member) {
    struct member_table *table = member_table_new(&hash_key);
    for (uint64_t i = 0; i < 100000; i++) add_number(table, i);
    member_table_check(table);
    CU_ASSERT_TRUE(member_table_memory(table) / 100000 <= 30);
    CU_ASSERT_TRUE(member_table_blocks(table) < 100000 / 8);
    member_table_free(&table);
}

/* What is in the table during the whole walk is seen, though it grows to eight times its size and shrinks again. */
UNIT_TEST(member_table, a_walk_meets_all_that_stays) {
    struct member_table *table = member_table_new(&hash_key);
    struct table        *seen = table_new();
    uint64_t             cursor = 0, next = 1000;
    for (uint64_t i = 0; i < 1000; i++) add_number(table, i);
    for (unsigned steps = 0; member_table_scan(table, &cursor, count_member, seen); steps++) {
        if (steps < 60) {
            for (int n = 0; n < 100; n++) add_number(table, next++);
        } else if (next > 1000) {
            char text[32];
            next--;
            struct slice key = slice_make(text, (size_t)sprintf(text, "member:%012llu", (unsigned long long)next));
            CU_ASSERT_TRUE(member_table_remove(table, key, hash(key)));
        }
    }
    for (uint64_t i = 0; i < 1000; i++) {
        char text[32];
        CU_ASSERT_TRUE(table_has(seen, slice_make(text, (size_t)sprintf(text, "member:%012llu", (unsigned long long)i))));
    }
    table_free(&seen, NULL);
    member_table_free(&table);
}

/* The chances of 40 members in 40,000 draws: 1,000 each, and the sum of squared differences as it should be. */
UNIT_TEST(member_table, chance_is_fair) {
    struct member_table *table = member_table_new(&hash_key);
    struct random        random;
    unsigned             drawn[40] = {0};
    struct member        member;
    random_seed(&random, 99);
    CU_ASSERT_FALSE(member_table_random(table, &random, &member));
    for (uint64_t i = 0; i < 40; i++) add_number(table, i);
    for (int n = 0; n < 40000; n++) {
        CU_ASSERT_TRUE_FATAL(member_table_random(table, &random, &member));
        drawn[(member.key.data[17] - 48) * 10 + member.key.data[18] - 48]++;
    }
    double chi = 0;
    for (int i = 0; i < 40; i++) chi += (drawn[i] - 1000.0) * (drawn[i] - 1000.0) / 1000.0;
    CU_ASSERT_TRUE(chi < 90); /* 39 degrees of freedom: one run in 100,000, and the seed is fixed */
    member_table_free(&table);
}

static void note_like(void *context, const struct member *member) {
    if (slice_is(member->key, "member:000000000123")) *(bool *)context = true;
}

UNIT_TEST(member_table, finds_by_the_low_bits_of_the_hash) {
    struct member_table *table = member_table_new(&hash_key);
    bool                 found = false;
    for (uint64_t i = 0; i < 5000; i++) add_number(table, i);
    member_table_each_like(table, hash(SLICE("member:000000000123")) & ((1ull << 40) - 1), note_like, &found);
    CU_ASSERT_TRUE(found);
    member_table_free(&table);
}
