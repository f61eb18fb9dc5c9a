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
    struct set_limits limits = {&key, 100};
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

UNIT_TEST(set_value, becomes_a_table_beyond_the_limit_or_at_the_first_text) {
    struct hash_key   key = {1, 2};
    struct set_limits limits = {&key, 3};
    struct value      set = set_value_new();
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("1"), &limits));
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("2"), &limits));
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("3"), &limits));
    CU_ASSERT_FALSE(set_value_add(&set, SLICE("3"), &limits));
    CU_ASSERT_EQUAL(set.encoding, VALUE_INTSET);
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("4"), &limits));
    CU_ASSERT_EQUAL(set.encoding, VALUE_HASHTABLE);
    value_free_object(VALUE_SET, VALUE_HASHTABLE, set.object);
    set = set_value_new();
    CU_ASSERT_TRUE(set_value_add(&set, SLICE("01"), &limits)); /* not the text of a number */
    CU_ASSERT_EQUAL(set.encoding, VALUE_HASHTABLE);
    value_free_object(VALUE_SET, VALUE_HASHTABLE, set.object);
}
