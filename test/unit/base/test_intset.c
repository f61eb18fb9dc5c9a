#include "lib/unit.h"
#include "base/intset.h"
#include "base/mem.h"
#include "base/random.h"

#include <stdlib.h>

static void expect_dump(const struct intset *set, const void *bytes, size_t size) {
    struct bytes dump = {0};
    intset_dump(set, &dump);
    CU_ASSERT_TRUE_FATAL(slice_equal(bytes_slice(&dump), slice_make(bytes, size)));
    CU_ASSERT_TRUE(intset_is_valid(bytes_slice(&dump)));
    bytes_fini(&dump);
}

UNIT_TEST(intset, its_dump_has_the_established_bytes) {
    struct intset *set = intset_new();
    expect_dump(set, "\2\0\0\0\0\0\0\0", 8);
    CU_ASSERT_TRUE(intset_add(&set, 5));
    CU_ASSERT_TRUE(intset_add(&set, -1));
    CU_ASSERT_FALSE(intset_add(&set, 5));
    expect_dump(set, "\2\0\0\0\2\0\0\0\xff\xff\5\0", 12);
    CU_ASSERT_TRUE(intset_add(&set, 70000));
    expect_dump(set, "\4\0\0\0\3\0\0\0\xff\xff\xff\xff\5\0\0\0\x70\x11\1\0", 20);
    CU_ASSERT_TRUE(intset_remove(&set, 70000));
    expect_dump(set, "\2\0\0\0\2\0\0\0\xff\xff\5\0", 12);
    CU_ASSERT_TRUE(intset_add(&set, INT64_MIN));
    CU_ASSERT_TRUE(intset_add(&set, INT64_MAX));
    CU_ASSERT_EQUAL(intset_at(set, 0), INT64_MIN);
    CU_ASSERT_EQUAL(intset_at(set, 1), -1);
    CU_ASSERT_EQUAL(intset_at(set, 3), INT64_MAX);
    CU_ASSERT_FALSE(intset_has(set, INT64_MAX - 1));
    mem_free(set);
}

UNIT_TEST(intset, numbers_that_are_near_each_other_are_small) {
    struct intset *set = intset_new();
    for (int64_t i = 0; i < 20; i++) CU_ASSERT_TRUE(intset_add(&set, 1700000000000 - i));
    CU_ASSERT_TRUE(mem_size(set) <= 48);
    for (int64_t i = 0; i < 20; i++) CU_ASSERT_EQUAL(intset_at(set, (size_t)i), 1700000000000 - 19 + i);
    mem_free(set);
}

UNIT_TEST(intset, refuses_bytes_that_are_none) {
    static const struct { const char *bytes; size_t size; } bad[] = {
        {"", 0}, {"\2\0\0\0\0\0\0", 7}, {"\3\0\0\0\0\0\0\0", 8}, {"\2\0\0\0\1\0\0\0", 8}, {"\2\0\0\0\1\0\0\0\1", 9},
        {"\2\0\0\0\2\0\0\0\1\0\1\0", 12}, {"\2\0\0\0\2\0\0\0\2\0\1\0", 12}, {"\2\0\0\0\xff\xff\xff\xff\1\0", 10},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) CU_ASSERT_PTR_NULL(intset_from_bytes(slice_make(bad[i].bytes, bad[i].size)));
    CU_ASSERT_TRUE(intset_is_valid(slice_make("\2\0\0\0\0\0\0\0", 8)));
}

UNIT_TEST(intset, agrees_with_a_sorted_array) {
    enum { N = 300 };
    struct random random;
    random_seed(&random, 3);
    for (int round = 0; round < 20; round++) {
        struct intset *set = intset_new();
        int64_t model[N];
        size_t count = 0;
        int width = 1 + round % 3;
        for (int step = 0; step < 1000; step++) {
            int64_t number = (int64_t)random_below(&random, 200) - 100;
            if (random_below(&random, 10) == 0) number *= width == 1 ? 100 : width == 2 ? 1000000 : 1000000000000;
            size_t at = 0;
            while (at < count && model[at] < number) at++;
            bool is_there = at < count && model[at] == number;
            CU_ASSERT_EQUAL_FATAL(intset_has(set, number), is_there);
            CU_ASSERT_EQUAL_FATAL(intset_place(set, number), at);
            if (random_below(&random, 3) == 0) {
                CU_ASSERT_EQUAL_FATAL(intset_remove(&set, number), is_there);
                if (is_there) memmove(model + at, model + at + 1, (--count - at) * sizeof *model);
            } else if (is_there || count < N) {
                CU_ASSERT_EQUAL_FATAL(intset_add(&set, number), !is_there);
                if (!is_there) {
                    memmove(model + at + 1, model + at, (count++ - at) * sizeof *model);
                    model[at] = number;
                }
            }
            CU_ASSERT_EQUAL_FATAL(intset_count(set), count);
        }
        for (size_t i = 0; i < count; i++) CU_ASSERT_EQUAL_FATAL(intset_at(set, i), model[i]);
        struct bytes dump = {0};
        intset_dump(set, &dump);
        struct intset *copy = intset_from_bytes(bytes_slice(&dump));
        CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
        expect_dump(copy, dump.data, dump.size);
        bytes_fini(&dump);
        mem_free(copy);
        mem_free(set);
    }
}
