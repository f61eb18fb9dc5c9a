#include "base/histogram.h"
#include "base/mem.h"
#include "base/random.h"
#include "lib/unit.h"

#include <stdlib.h>

UNIT_TEST(histogram, has_the_buckets_of_two_digits) {
    CU_ASSERT_EQUAL(histogram_highest_equivalent(0), 0);
    CU_ASSERT_EQUAL(histogram_highest_equivalent(255), 255);
    CU_ASSERT_EQUAL(histogram_highest_equivalent(256), 257);
    CU_ASSERT_EQUAL(histogram_highest_equivalent(1024), 1031);
    CU_ASSERT_EQUAL(histogram_highest_equivalent(9000), 9023); /* as redis-server prints a call of 9 us */
    CU_ASSERT_EQUAL(histogram_highest_equivalent(149000), 149503);
    CU_ASSERT_EQUAL(histogram_highest_equivalent(1048576), 1056767);
    CU_ASSERT_EQUAL(histogram_highest_equivalent(UINT64_MAX), UINT64_MAX);
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

UNIT_TEST(histogram, agrees_with_a_sorted_array) {
    enum { N = 5000 };
    static uint64_t   values[N];
    struct histogram *histogram = histogram_new(1000000000);
    struct random     random;
    random_seed(&random, 7);
    CU_ASSERT_EQUAL(histogram_percentile(histogram, 50), 0);
    for (int i = 0; i < N; i++) {
        values[i] = random_next(&random) >> (34 + random_below(&random, 30));
        if (values[i] > 1000000000) values[i] = 1000000000;
        histogram_add(histogram, values[i]);
    }
    qsort(values, N, sizeof values[0], compare);
    static const double percents[] = {0, 1, 25, 50, 90, 99, 99.9, 100};
    for (size_t i = 0; i < COUNT_OF(percents); i++) {
        int place = (int)(percents[i] / 100 * N + 0.5);
        place = place > 0 ? place - 1 : 0;
        CU_ASSERT_EQUAL(histogram_percentile(histogram, percents[i]), histogram_highest_equivalent(values[place]));
    }
    for (uint64_t edge = 1; edge < 2000000000; edge *= 2) {
        uint64_t count = 0, top = histogram_highest_equivalent(edge);
        while (count < N && values[count] <= top) count++;
        CU_ASSERT_EQUAL(histogram_count_up_to(histogram, edge), count);
    }
    CU_ASSERT_EQUAL(histogram_count(histogram), N);
    CU_ASSERT_EQUAL(histogram_max(histogram), values[N - 1]);
    CU_ASSERT(histogram_memory(histogram) < 32 * 1024);
    histogram_free(&histogram);
    CU_ASSERT_PTR_NULL(histogram);
}

UNIT_TEST(histogram, counts_what_is_too_great_as_the_greatest) {
    struct histogram *histogram = histogram_new(1000);
    histogram_add(histogram, 5000000);
    CU_ASSERT_EQUAL(histogram_percentile(histogram, 100), histogram_highest_equivalent(1000));
    histogram_free(&histogram);
}
