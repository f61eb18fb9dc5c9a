#include "lib/unit.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/types/zset_value.h"

#include <stdio.h>
#include <stdlib.h>

enum { MEMBERS = 300 };

static const struct hash_key   key = {1, 2};
static const struct zset_rules rules = {.max_entries = 100, .max_member_bytes = 20, .hash_key = &key};

struct model {
    bool   is_there[MEMBERS];
    double score[MEMBERS];
    size_t count;
};

static struct slice name(char *text, size_t number) {
    return slice_make(text, (size_t)sprintf(text, number % 3 ? "m%zu" : "%zu", number));
}

static void check_order(const struct value *zset, const struct model *model) {
    struct zset_walk walk;
    struct zset_item item, last = {.score = -1e300};
    char             last_member[32] = "", text[32];
    size_t           seen = 0;
    CU_ASSERT_EQUAL_FATAL(zset_value_count(zset), model->count);
    zset_walk_start(&walk, zset, 0, SIZE_MAX, false);
    while (zset_walk_next(&walk, &item)) {
        CU_ASSERT_TRUE(item.score > last.score || slice_compare(item.member, slice_text(last_member)) > 0);
        size_t number = (size_t)atoi(item.member.data[0] == 'm' ? slice_text(item.member.data + 1).data : item.member.data);
        CU_ASSERT_TRUE_FATAL(number < MEMBERS && model->is_there[number] && slice_equal(name(text, number), item.member));
        CU_ASSERT_EQUAL(model->score[number], item.score);
        struct zset_bound bound = {ZSET_BEFORE_MEMBER, item.score, item.member};
        CU_ASSERT_EQUAL(zset_value_rank(zset, &bound), seen);
        last.score = item.score;
        snprintf(last_member, sizeof last_member, "%.*s", (int)item.member.size, item.member.data);
        seen++;
    }
    CU_ASSERT_EQUAL(seen, model->count);
    zset_walk_start(&walk, zset, model->count - 1, SIZE_MAX, true);
    for (seen = 0; zset_walk_next(&walk, &item); seen++) continue;
    CU_ASSERT_EQUAL(seen, model->count);
}

static void drop_range(struct value *zset, struct model *model, struct random *random) {
    size_t           rank = random_below(random, model->count), count = 1 + random_below(random, MIN(model->count - rank, 20));
    struct zset_walk walk;
    struct zset_item item;
    zset_walk_start(&walk, zset, rank, count, false);
    while (zset_walk_next(&walk, &item)) {
        char text[32];
        for (size_t i = 0; i < MEMBERS; i++)
            if (slice_equal(name(text, i), item.member)) model->is_there[i] = false;
    }
    zset_value_remove_range(zset, rank, count);
    model->count -= count;
}

UNIT_TEST(zset_value, agrees_with_a_model) {
    struct random random;
    random_seed(&random, 12);
    for (int round = 0; round < 20; round++) {
        struct model model = {.count = 0};
        struct value zset = zset_value_new(&rules, 0, 5);
        for (int step = 0; step < 2000; step++) {
            char         text[32];
            size_t       i = random_below(&random, round % 2 ? 90 : MEMBERS);
            struct slice member = name(text, i);
            double       score = (double)random_below(&random, 40) / 4 - 2, old;
            unsigned     what = (unsigned)random_below(&random, 20);
            CU_ASSERT_EQUAL_FATAL(zset_value_score(&zset, member, &old), model.is_there[i]);
            if (model.is_there[i]) CU_ASSERT_EQUAL(old, model.score[i]);
            if (what < 14) {
                CU_ASSERT_EQUAL_FATAL(zset_value_set(&zset, &rules, member, score), !model.is_there[i]);
                model.count += !model.is_there[i];
                model.is_there[i] = true;
                model.score[i] = score;
            } else if (what == 19 && model.count) {
                drop_range(&zset, &model, &random);
            } else {
                CU_ASSERT_EQUAL_FATAL(zset_value_remove(&zset, member), model.is_there[i]);
                model.count -= model.is_there[i];
                model.is_there[i] = false;
            }
            if (step % 100 == 0) check_order(&zset, &model);
        }
        CU_ASSERT_EQUAL(zset.encoding, round % 2 ? VALUE_LISTPACK : VALUE_SKIPLIST);
        struct value copy = zset;
        copy.object = value_copy_object(VALUE_ZSET, (enum value_encoding)zset.encoding, zset.object);
        zset_value_free(&zset);
        check_order(&copy, &model);
        zset_value_free(&copy);
    }
}

UNIT_TEST(zset_value, changes_its_form_as_the_parameters_say) {
    struct value zset = zset_value_new(&rules, 0, 21);
    CU_ASSERT_EQUAL(zset.encoding, VALUE_SKIPLIST);
    zset_value_free(&zset);
    zset = zset_value_new(&rules, 0, 20);
    CU_ASSERT_EQUAL(zset.encoding, VALUE_LISTPACK);
    char text[32];
    for (size_t i = 0; i < 100; i++) zset_value_set(&zset, &rules, name(text, i), 1);
    CU_ASSERT_EQUAL(zset.encoding, VALUE_LISTPACK);
    zset_value_set(&zset, &rules, SLICE("one more"), 1);
    CU_ASSERT_EQUAL(zset.encoding, VALUE_SKIPLIST);
    zset_value_pack(&zset, &rules);
    CU_ASSERT_EQUAL(zset.encoding, VALUE_SKIPLIST);
    zset_value_remove(&zset, SLICE("one more"));
    zset_value_pack(&zset, &rules);
    CU_ASSERT_EQUAL(zset.encoding, VALUE_LISTPACK);
    CU_ASSERT_EQUAL(zset_value_count(&zset), 100);
    struct listpack *listpack = zset_value_to_listpack(&zset);
    CU_ASSERT_EQUAL(listpack_count(listpack), 200);
    CU_ASSERT_TRUE(zset_value_check_listpack(listpack));
    struct value again = zset_value_from_listpack(listpack, &rules);
    mem_free(listpack);
    double score;
    CU_ASSERT_EQUAL(again.encoding, VALUE_LISTPACK);
    for (size_t i = 0; i < 100; i++) CU_ASSERT_TRUE(zset_value_score(&again, name(text, i), &score) && score == 1);
    zset_value_free(&again);
    zset_value_free(&zset);
}

static void count_pair(void *context, struct slice member, struct slice score) {
    table_set(context, member, context);
}

UNIT_TEST(zset_value, scan_passes_all_members) {
    for (size_t count = 50; count < 5000; count *= 9) {
        struct value  zset = zset_value_new(&rules, 0, 5);
        struct table *seen = table_new();
        uint64_t      cursor = 0;
        char          text[32];
        for (size_t i = 0; i < count; i++) zset_value_set(&zset, &rules, name(text, i), (double)i);
        while (zset_value_scan(&zset, &cursor, count_pair, seen)) continue;
        CU_ASSERT_EQUAL(table_count(seen), count);
        table_free(&seen, NULL);
        zset_value_free(&zset);
    }
}

static void expect_checked(bool is_good, size_t count, const char *const *texts) {
    struct listpack *listpack = listpack_new();
    for (size_t i = 0; i < count; i++) listpack_append(&listpack, slice_text(texts[i]));
    CU_ASSERT_EQUAL(zset_value_check_listpack(listpack), is_good);
    mem_free(listpack);
}

UNIT_TEST(zset_value, a_listpack_from_outside_is_checked) {
    expect_checked(true, 0, NULL);
    expect_checked(true, 6, (const char *const[]){"7", "-inf", "a", "1.5", "b", "1.5"});
    expect_checked(true, 4, (const char *const[]){"a", "1", "b", "1"});
    expect_checked(false, 4, (const char *const[]){"b", "1", "a", "1"});
    expect_checked(false, 4, (const char *const[]){"a", "2", "b", "1"});
    expect_checked(false, 4, (const char *const[]){"a", "1", "a", "2"});
    expect_checked(false, 2, (const char *const[]){"a", "b"});
    expect_checked(false, 2, (const char *const[]){"a", "nan"});
    expect_checked(false, 3, (const char *const[]){"a", "1", "b"});
    struct listpack *listpack = listpack_new();
    listpack_append(&listpack, SLICE("m"));
    listpack_append(&listpack, SLICE("0.25"));
    struct value zset = zset_value_from_listpack(listpack, &rules);
    mem_free(listpack);
    double score;
    CU_ASSERT_TRUE(zset_value_score(&zset, SLICE("m"), &score));
    CU_ASSERT_EQUAL(score, 0.25);
    zset_value_free(&zset);
}

UNIT_TEST(zset_value, a_member_takes_little_memory) {
    struct value zset = zset_value_new(&rules, 1000, 5);
    char         text[64];
    for (unsigned i = 0; i < 100000; i++) {
        int size = snprintf(text, sizeof text, "member:%012u", i);
        zset_value_set(&zset, &rules, slice_make(text, (size_t)size), i * 0.5);
    }
    CU_ASSERT_TRUE(zset_value_large_memory(zset.object) < 100000u * 62);
    zset_value_free(&zset);
}

/* Most members are removed again, so that those that are left lie scattered. */
UNIT_TEST(zset_value, a_large_set_is_moved_piece_by_piece) {
    enum { MANY = 20000 };
    char         text[NUMBER_TEXT_SIZE];
    struct value zset = zset_value_new(&rules, MANY, 5);
    for (size_t i = 0; i < MANY; i++) zset_value_set(&zset, &rules, name(text, i), (double)(i / 100));
    for (size_t i = 0; i < MANY; i++)
        if (i % 7) CU_ASSERT_TRUE_FATAL(zset_value_remove(&zset, name(text, i)));
    uint64_t cursor = 0;
    size_t   moved = 0, left = 0, rounds = 0;
    do {
        void *now = value_defrag_object(VALUE_ZSET, VALUE_SKIPLIST, zset.object, &cursor, &moved, &left);
        CU_ASSERT_PTR_EQUAL(now, zset.object);
        rounds++;
    } while (cursor);
    CU_ASSERT_EQUAL(moved + left, zset_value_count(&zset));
    CU_ASSERT_TRUE(rounds > 10);
    if (mem_can_defrag()) CU_ASSERT_TRUE(moved > 0);
    /* Whatever was found through the old places is found through the new ones. */
    for (size_t i = 0; i < MANY; i++) {
        double score = -1;
        CU_ASSERT_EQUAL_FATAL(zset_value_score(&zset, name(text, i), &score), i % 7 == 0);
        if (i % 7) continue;
        CU_ASSERT_EQUAL(score, (double)(i / 100));
        struct zset_bound bound = {.cut = ZSET_BEFORE_MEMBER, .score = score, .text = name(text, i)};
        CU_ASSERT_TRUE_FATAL(zset_value_rank(&zset, &bound) < zset_value_count(&zset));
        zset_value_set(&zset, &rules, name(text, i), score + 1000);
    }
    while (zset_value_count(&zset)) zset_value_remove_range(&zset, 0, MIN(zset_value_count(&zset), (size_t)500));
    zset_value_free(&zset);
}
