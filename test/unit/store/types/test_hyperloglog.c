#include "lib/unit.h"
#include "base/random.h"
#include "store/types/hyperloglog.h"

UNIT_TEST(hyperloglog, estimates_within_three_percent_and_sparse_agrees_with_dense) {
    struct bytes sparse = {0}, dense = {0};
    hyperloglog_create(&sparse);
    hyperloglog_create(&dense);
    CU_ASSERT_EQUAL(sparse.size, 18);
    for (uint64_t i = 1; i <= 100000; i++) {
        enum hyperloglog_result a = hyperloglog_add(&sparse, slice_make(&i, sizeof i), 3000);
        CU_ASSERT_EQUAL(a, hyperloglog_add(&dense, slice_make(&i, sizeof i), 0));
        if (i != 10 && i != 500 && i != 5000 && i != 100000) continue;
        uint64_t one, other;
        CU_ASSERT_TRUE(hyperloglog_count(bytes_slice(&sparse), &one));
        CU_ASSERT_TRUE(hyperloglog_count(bytes_slice(&dense), &other));
        CU_ASSERT_EQUAL(one, other);
        CU_ASSERT_TRUE(one >= i * 97 / 100 && one <= i * 103 / 100);
        CU_ASSERT_EQUAL(hyperloglog_is_dense(bytes_slice(&sparse)), i >= 5000);
    }
    CU_ASSERT_EQUAL(sparse.size, HYPERLOGLOG_DENSE_BYTES);
    bytes_fini(&sparse);
    bytes_fini(&dense);
}

UNIT_TEST(hyperloglog, bytes_from_outside_never_harm) {
    struct random random;
    random_seed(&random, 3);
    for (int round = 0; round < 3000; round++) {
        struct bytes text = {0};
        uint64_t     count;
        uint8_t      registers[HYPERLOGLOG_REGISTERS] = {0};
        hyperloglog_create(&text);
        for (uint64_t i = random_below(&random, 40); i; i--) hyperloglog_add(&text, slice_make(&i, sizeof i), 3000);
        for (uint64_t i = 1 + random_below(&random, 4); i; i--)
            text.data[16 + random_below(&random, text.size - 16)] = (char)random_next(&random);
        if (random_below(&random, 3) == 0) text.size -= random_below(&random, text.size - 16) + 1;
        CU_ASSERT_TRUE(hyperloglog_is_valid(bytes_slice(&text)));
        bool is_sound = hyperloglog_count(bytes_slice(&text), &count);
        CU_ASSERT_EQUAL(hyperloglog_join(registers, bytes_slice(&text)), is_sound);
        for (uint64_t i = 1000; i < 1020; i++) hyperloglog_add(&text, slice_make(&i, sizeof i), 100);
        bytes_fini(&text);
    }
}

UNIT_TEST(hyperloglog, the_cached_count_is_good_until_it_is_marked_stale) {
    struct bytes text = {0};
    uint64_t     count = 7;
    hyperloglog_create(&text);
    CU_ASSERT_TRUE(hyperloglog_cached(bytes_slice(&text), &count));
    CU_ASSERT_EQUAL(count, 0);
    hyperloglog_cache(text.data, 1234567);
    CU_ASSERT_TRUE(hyperloglog_cached(bytes_slice(&text), &count));
    CU_ASSERT_EQUAL(count, 1234567);
    hyperloglog_mark_stale(text.data);
    CU_ASSERT_FALSE(hyperloglog_cached(bytes_slice(&text), &count));
    bytes_fini(&text);
}
