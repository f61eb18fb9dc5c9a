#include "lib/unit.h"
#include "base/hash.h"
#include "base/random.h"
#include "store/types/set_value.h"

enum { MODEL = 400 };

static struct slice name(char *buffer, size_t i, bool as_number) {
    return slice_make(buffer, (size_t)sprintf(buffer, as_number ? "%d" : "m%d", (int)i - 100));
}

static bool count_member(void *context, struct slice member) {
    (*(size_t *)context)++;
    return true;
}

static void check_whole(const struct value *set, size_t expected) {
    size_t   walked = 0, scanned = 0;
    uint64_t cursor = 0;
    CU_ASSERT_EQUAL(set_value_count(set), expected);
    set_value_each(set, count_member, &walked);
    while (set_value_scan(set, &cursor, count_member, &scanned)) continue;
    CU_ASSERT_EQUAL(walked, expected);
    CU_ASSERT_EQUAL(scanned, expected);
}

/* Against an array of bools: numbers first, then texts as well, so that the form changes on the way. */
UNIT_TEST(set_value, agrees_with_a_model) {
    struct hash_key   key = {1, 2};
    struct set_limits limits = {&key, 100, 40, 64};
    struct random     random;
    random_seed(&random, 11);
    for (int round = 0; round < 60; round++) {
        bool         has[2][MODEL] = {{0}};
        size_t       count = 0;
        struct value set = set_value_new();
        for (int step = 0; step < 2000; step++) {
            char         buffer[32];
            bool         as_number = step < 200 || round % 3 == 0 || random_below(&random, 2);
            size_t       i = random_below(&random, round % 2 ? 60 : MODEL);
            struct slice member = name(buffer, i, as_number);
            CU_ASSERT_EQUAL(set_value_has(&set, member), has[as_number][i]);
            if (random_below(&random, 3)) {
                CU_ASSERT_EQUAL(set_value_add(&set, member, &limits), !has[as_number][i]);
                count += !has[as_number][i];
                has[as_number][i] = true;
            } else {
                CU_ASSERT_EQUAL(set_value_remove(&set, member), has[as_number][i]);
                count -= has[as_number][i];
                has[as_number][i] = false;
            }
            if (set.encoding == VALUE_INTSET) CU_ASSERT_TRUE(count <= 100);
        }
        check_whole(&set, count);
        struct value copy = set;
        copy.object = value_copy_object(VALUE_SET, (enum value_encoding)set.encoding, set.object);
        if (count) {
            char buffer[NUMBER_TEXT_SIZE];
            CU_ASSERT_TRUE(set_value_has(&copy, set_value_random(&set, &random, buffer)));
        }
        value_free_object(VALUE_SET, (enum value_encoding)set.encoding, set.object);
        check_whole(&copy, count);
        CU_ASSERT_TRUE(value_object_memory(VALUE_SET, (enum value_encoding)copy.encoding, copy.object) > 0);
        value_free_object(VALUE_SET, (enum value_encoding)copy.encoding, copy.object);
    }
}

static const struct hash_key a_key = {1, 2};

static void expect_form(struct value *set, enum value_encoding encoding, size_t count) {
    CU_ASSERT_EQUAL(set->encoding, encoding);
    check_whole(set, count);
}

static void release(struct value *set) {
    value_free_object(VALUE_SET, (enum value_encoding)set->encoding, set->object);
}

UNIT_TEST(set_value, integers_beyond_the_limit_become_a_table) {
    struct set_limits limits = {&a_key, 3, 128, 64};
    struct value      set = set_value_new();
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("1"), &limits));
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("2"), &limits));
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("3"), &limits));
    CU_ASSERT_FALSE(set_value_add(&set, SLICE("3"), &limits));
    expect_form(&set, VALUE_INTSET, 3);
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("4"), &limits));
    expect_form(&set, VALUE_HASHTABLE, 4);
    release(&set);
}

UNIT_TEST(set_value, few_short_texts_are_packed) {
    struct set_limits limits = {&a_key, 512, 3, 6};
    struct value      set = set_value_new();
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("7"), &limits));
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("01"), &limits)); /* not the text of a number */
    expect_form(&set, VALUE_LISTPACK, 2);
    CU_ASSERT_FALSE(set_value_add(&set, SLICE("7"), &limits));
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("sixsix"), &limits));
    expect_form(&set, VALUE_LISTPACK, 3);
    CU_ASSERT_TRUE(set_value_add(&set, SLICE(""), &limits)); /* too many */
    expect_form(&set, VALUE_HASHTABLE, 4);
    CU_ASSERT_TRUE(set_value_has(&set, SLICE("sixsix")));
    release(&set);

    set = set_value_new();
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("sevense"), &limits)); /* too long */
    expect_form(&set, VALUE_HASHTABLE, 1);
    release(&set);

    set = set_value_new();
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("-1234567"), &limits));
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("a"), &limits)); /* the integer is too long */
    expect_form(&set, VALUE_HASHTABLE, 2);
    release(&set);

    limits.max_listpack_entries = 0;
    set = set_value_new();
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("a"), &limits));
    expect_form(&set, VALUE_HASHTABLE, 1);
    release(&set);
}

static struct listpack *listpack_of(const char *const *members) {
    struct listpack *listpack = listpack_new();
    for (; *members; members++) listpack_append(&listpack, slice_text(*members));
    return listpack;
}

UNIT_TEST(set_value, is_made_of_bytes_from_outside) {
    struct set_limits limits = {&a_key, 2, 3, 64};
    struct value      set;
    struct listpack  *listpack = listpack_of((const char *const[]){"a", "2", "c", NULL});
    CU_ASSERT_TRUE(set_value_from_listpack(&set, &listpack, &limits));
    CU_ASSERT_PTR_NULL(listpack);
    expect_form(&set, VALUE_LISTPACK, 3);
    release(&set);
    listpack = listpack_of((const char *const[]){"a", "2", "c", "d", NULL});
    CU_ASSERT_TRUE(set_value_from_listpack(&set, &listpack, &limits));
    expect_form(&set, VALUE_HASHTABLE, 4);
    release(&set);
    listpack = listpack_of((const char *const[]){"a", "2", "a", NULL});
    CU_ASSERT_FALSE(set_value_from_listpack(&set, &listpack, &limits));
    listpack = listpack_of((const char *const[]){NULL});
    CU_ASSERT_FALSE(set_value_from_listpack(&set, &listpack, &limits));

    struct intset *intset = intset_new();
    for (int64_t i = 0; i < 2; i++) intset_add(&intset, i);
    CU_ASSERT_TRUE(set_value_from_intset(&set, &intset, &limits));
    expect_form(&set, VALUE_INTSET, 2);
    release(&set);
    intset = intset_new();
    for (int64_t i = 0; i < 3; i++) intset_add(&intset, i);
    CU_ASSERT_TRUE(set_value_from_intset(&set, &intset, &limits));
    expect_form(&set, VALUE_HASHTABLE, 3);
    release(&set);
    intset = intset_new();
    CU_ASSERT_FALSE(set_value_from_intset(&set, &intset, &limits));
}
