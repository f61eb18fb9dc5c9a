#include "lib/unit.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/types/hash_value.h"

static const struct hash_key key = {1, 2};
static const struct hash_rules rules = {.max_entries = 16, .max_text_bytes = 20, .hash_key = &key};

static void release(struct value *hash) {
    value_free_object(VALUE_HASH, hash->encoding, hash->object);
}

static struct slice name(char *text, uint64_t number) {
    return slice_make(text, number_print_uint(text, number));
}

static void fill(struct value *hash, uint64_t count) {
    char text[NUMBER_TEXT_SIZE];
    for (uint64_t i = 0; i < count; i++) CU_ASSERT_TRUE(hash_value_set(hash, &rules, name(text, i), SLICE("text")));
}

UNIT_TEST(hash_value, leaves_the_packed_form_when_it_is_too_large) {
    struct value hash = hash_value_new();
    fill(&hash, 16);
    CU_ASSERT_EQUAL(hash.encoding, VALUE_LISTPACK);
    CU_ASSERT_FALSE(hash_value_set(&hash, &rules, SLICE("3"), SLICE("another")));
    CU_ASSERT_TRUE(hash_value_set(&hash, &rules, SLICE("one more"), SLICE("")));
    CU_ASSERT_EQUAL(hash.encoding, VALUE_HASHTABLE);
    CU_ASSERT_EQUAL(hash_value_count(&hash), 17);
    char buffer[NUMBER_TEXT_SIZE];
    struct slice text;
    CU_ASSERT_TRUE(hash_value_find(&hash, SLICE("3"), buffer, &text));
    CU_ASSERT_TRUE(slice_is(text, "another"));
    release(&hash);

    hash = hash_value_new();
    (void)hash_value_set(&hash, &rules, SLICE("f"), SLICE("12345678901234567890."));
    CU_ASSERT_EQUAL(hash.encoding, VALUE_HASHTABLE);
    release(&hash);
}

static void count_field(void *context, const struct hash_item *item) {
    size_t seen = (size_t)(uintptr_t)table_find(context, item->field);
    table_set(context, item->field, (void *)(uintptr_t)(seen + 1));
}

static void expect_each_once(struct table *seen, size_t count) {
    CU_ASSERT_EQUAL_FATAL(table_count(seen), count);
    struct table_walk walk = {0};
    while (table_next(seen, &walk)) CU_ASSERT_EQUAL_FATAL((uintptr_t)walk.value, 1);
    table_clear(seen, NULL);
}

UNIT_TEST(hash_value, walks_and_samples_give_each_field_once) {
    static const uint64_t sizes[] = {1, 16, 17, 1000};
    struct table *seen = table_new();
    struct random random;
    random_seed(&random, 5);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct value hash = hash_value_new();
        fill(&hash, sizes[i]);
        hash_value_walk(&hash, count_field, seen);
        expect_each_once(seen, sizes[i]);
        for (size_t count = 0; count <= sizes[i]; count += 1 + sizes[i] / 5) {
            hash_value_sample(&hash, &random, count, count_field, seen);
            expect_each_once(seen, count);
        }
        for (int n = 0; n < 20000 && table_count(seen) < sizes[i]; n++) {
            struct hash_item item;
            hash_value_random(&hash, &random, &item);
            count_field(seen, &item);
        }
        CU_ASSERT_EQUAL(table_count(seen), sizes[i]);
        table_clear(seen, NULL);
        CU_ASSERT_TRUE(value_object_memory(VALUE_HASH, hash.encoding, hash.object) >= sizes[i] * 4);
        release(&hash);
    }
    table_free(&seen, NULL);
}

UNIT_TEST(hash_value, agrees_with_an_array) {
    enum { FIELDS = 60 };
    struct random random;
    random_seed(&random, 9);
    for (int round = 0; round < 20; round++) {
        struct value hash = hash_value_new();
        int64_t model[FIELDS];
        size_t count = 0;
        for (int i = 0; i < FIELDS; i++) model[i] = -1;
        uint64_t fields = round & 1 ? FIELDS : 12;
        for (int step = 0; step < 500; step++) {
            char field_text[NUMBER_TEXT_SIZE], number[NUMBER_TEXT_SIZE], buffer[NUMBER_TEXT_SIZE];
            uint64_t at = random_below(&random, fields);
            struct slice field = name(field_text, at), text;
            CU_ASSERT_EQUAL_FATAL(hash_value_find(&hash, field, buffer, &text), model[at] >= 0);
            if (model[at] >= 0) CU_ASSERT_TRUE_FATAL(slice_equal(text, name(number, (uint64_t)model[at])));
            if (random_below(&random, 3)) {
                int64_t next = (int64_t)random_below(&random, 100000);
                CU_ASSERT_EQUAL_FATAL(hash_value_set(&hash, &rules, field, name(number, (uint64_t)next)), model[at] < 0);
                count += model[at] < 0;
                model[at] = next;
            } else {
                CU_ASSERT_EQUAL_FATAL(hash_value_remove(&hash, field), model[at] >= 0);
                count -= model[at] >= 0;
                model[at] = -1;
            }
            CU_ASSERT_EQUAL_FATAL(hash_value_count(&hash), count);
        }
        struct value copy = hash;
        copy.object = value_copy_object(VALUE_HASH, hash.encoding, hash.object);
        release(&hash);
        CU_ASSERT_EQUAL(hash_value_count(&copy), count);
        release(&copy);
    }
}
