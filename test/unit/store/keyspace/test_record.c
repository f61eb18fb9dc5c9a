#include "lib/unit.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/keyspace/record.h"
#include "store/types/str.h"

#include <stdio.h>

UNIT_TEST(record, takes_the_bytes_that_were_promised) {
    struct value text = value_of_text(SLICE("v000000000000001")), number = value_of_int(7);
    struct record *record = record_new(SLICE("key:000000000001"), &text, RECORD_NEVER);
    CU_ASSERT(mem_size(record) <= 48 + 8);
    record_free(record);
    record = record_new(SLICE("key:000000000001"), &text, 1);
    CU_ASSERT(mem_size(record) <= 48 + 8);
    record_free(record);
    record = record_new(SLICE("key:000000000001"), &number, RECORD_NEVER);
    CU_ASSERT(mem_size(record) <= 32 + 8);
    record_free(record);
}

/* Assigns values of every form and size, with and without expiry, to keys of every length. */
UNIT_TEST(record, holds_what_was_assigned) {
    struct random random;
    random_seed(&random, 11);
    static char bytes[3000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)('a' + i % 26);
    static const size_t key_sizes[] = {0, 1, 16, 100, 254, 255, 256, 1000};
    for (size_t k = 0; k < COUNT_OF(key_sizes); k++) {
        struct slice key = slice_make(bytes, key_sizes[k]);
        struct value value = value_of_text(SLICE("first"));
        struct record *record = record_new(key, &value, RECORD_NEVER);
        for (int i = 0; i < 2000; i++) {
            size_t size = (size_t)random_below(&random, random_below(&random, 10) ? 80 : sizeof bytes);
            int64_t number = (int64_t)random_next(&random), expires = random_below(&random, 2) ? RECORD_NEVER : number;
            bool is_number = random_below(&random, 3) == 0;
            value = is_number ? value_of_int(number) : value_of_text(slice_make(bytes, size));
            record_free_object(record);
            record = record_assign(record, &value, expires);
            if (random_below(&random, 4) == 0) record = record_set_expires(record, expires = number + 1);
            char buffer[NUMBER_TEXT_SIZE], expected[NUMBER_TEXT_SIZE];
            struct slice text = record_text(record, buffer);
            struct slice wanted = slice_make(bytes, size);
            if (is_number) wanted = slice_make(expected, number_print_int(expected, number));
            CU_ASSERT_FATAL(slice_equal(text, wanted));
            CU_ASSERT_FATAL(slice_equal(record_key(record), key));
            CU_ASSERT_EQUAL_FATAL(record_expires_ms(record), expires);
        }
        record_free_object(record);
        record_free(record);
    }
}

UNIT_TEST(record, an_edited_text_keeps_its_front) {
    struct value value = value_of_text(SLICE("abc"));
    struct record *record = record_new(SLICE("k"), &value, 5);
    record = record_resize_text(record, 600);
    CU_ASSERT_EQUAL(record_encoding(record), VALUE_RAW);
    struct slice text = record_text(record, NULL);
    CU_ASSERT(memcmp(text.data, "abc\0", 4) == 0);
    CU_ASSERT_EQUAL(text.size, 600);
    record = record_resize_text(record, 2);
    CU_ASSERT(slice_is(record_text(record, NULL), "ab"));
    CU_ASSERT_EQUAL(record_expires_ms(record), 5);
    record_free(record);
}
