#include "lib/unit.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/table.h"

#include <stdio.h>

UNIT_TEST(table, agrees_with_an_array) {
    enum { N = 300 };
    static int values[N];
    bool in[N] = {false};
    size_t count = 0;
    struct table *table = table_new();
    struct random random;
    random_seed(&random, 3);
    for (int step = 0; step < 50000; step++) {
        unsigned i = (unsigned)random_below(&random, N);
        char key[16];
        int size = snprintf(key, sizeof key, "k%u", i);
        struct slice name = slice_make(key, (size_t)size);
        if (random_below(&random, 2)) {
            CU_ASSERT_PTR_EQUAL_FATAL(table_set(table, name, &values[i]), in[i] ? &values[i] : NULL);
            count += !in[i];
            in[i] = true;
        } else {
            CU_ASSERT_PTR_EQUAL_FATAL(table_remove(table, name), in[i] ? &values[i] : NULL);
            count -= in[i];
            in[i] = false;
        }
        CU_ASSERT_EQUAL_FATAL(table_count(table), count);
        CU_ASSERT_PTR_EQUAL_FATAL(table_find(table, name), in[i] ? &values[i] : NULL);
    }
    size_t walked = 0;
    struct table_walk walk = {0};
    while (table_next(table, &walk)) walked++;
    CU_ASSERT_EQUAL(walked, count);
    struct table_walk *all = table_sorted(table);
    for (size_t i = 1; i < count; i++) CU_ASSERT(slice_compare(all[i - 1].key, all[i].key) < 0);
    mem_free(all);
    table_free(&table, NULL);
    CU_ASSERT_PTR_NULL(table);
}

UNIT_TEST(table, may_ignore_case) {
    int value;
    struct table *table = table_new_nocase();
    table_set(table, SLICE("GET"), &value);
    CU_ASSERT_PTR_EQUAL(table_find(table, SLICE("get")), &value);
    CU_ASSERT_PTR_NULL(table_find(table, SLICE("gets")));
    table_free(&table, NULL);
}
