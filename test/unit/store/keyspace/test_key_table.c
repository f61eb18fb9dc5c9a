#include "lib/unit.h"
#include "base/mem.h"
#include "store/keyspace/key_table.h"

#include <stdio.h>
#include <stdlib.h>

static const struct hash_key hash_key = {1, 2};

static struct slice name_of(unsigned i, char *buffer) {
    return slice_make(buffer, (size_t)sprintf(buffer, "key:%u", i));
}

static struct record *make(unsigned i) {
    char buffer[32];
    struct value value = value_of_int(i);
    return record_new(name_of(i, buffer), &value, RECORD_NEVER);
}

static uint64_t hash_of(unsigned i) {
    char buffer[32];
    return key_table_hash(&hash_key, name_of(i, buffer));
}

static struct record *look(struct key_table *table, unsigned i, uint64_t **slot) {
    char buffer[32];
    return key_table_find(table, name_of(i, buffer), hash_of(i), slot);
}

/* Against an array, through many sizes: below and above the level at which slots know the hash bits. */
UNIT_TEST(key_table, agrees_with_an_array) {
    enum { N = 60000 };
    static struct record *in[N];
    memset(in, 0, sizeof in);
    struct key_table *table = key_table_new(&hash_key);
    struct random random;
    random_seed(&random, 5);
    size_t count = 0;
    for (int phase = 0; phase < 8; phase++) {
        unsigned add_of_ten = phase % 2 ? 2 : 9; /* grow, shrink, grow ... */
        unsigned range = phase < 4 ? N : 400;
        for (int step = 0; step < 60000; step++) {
            unsigned i = (unsigned)random_below(&random, range);
            bool add = random_below(&random, 10) < add_of_ten;
            CU_ASSERT_PTR_EQUAL_FATAL(look(table, i, NULL), in[i]);
            if (add && !in[i]) {
                in[i] = make(i);
                key_table_add(table, in[i], hash_of(i));
                count++;
            } else if (add) {
                uint64_t *slot;
                look(table, i, &slot);
                struct record *other = make(i);
                key_table_replace(slot, other);
                record_free(in[i]);
                in[i] = other;
            } else if (in[i]) {
                key_table_remove(table, in[i], hash_of(i));
                record_free(in[i]);
                in[i] = NULL;
                count--;
            }
            CU_ASSERT_EQUAL_FATAL(key_table_count(table), count);
            if (step % 20000 == 0) key_table_check(table);
        }
        key_table_check(table);
    }
    for (unsigned i = 0; i < N; i++) {
        if (!in[i]) continue;
        key_table_remove(table, in[i], hash_of(i));
        record_free(in[i]);
    }
    key_table_check(table);
    CU_ASSERT(key_table_memory(table) < 200000);
    key_table_free(&table);
    CU_ASSERT_PTR_NULL(table);
}

struct seen {
    unsigned char *seen;
};

static void see(void *context, struct record *record) {
    struct seen *seen = context;
    if (seen->seen[record_number(record)] < 255) seen->seen[record_number(record)]++;
}

/* Keys 0..STAY-1 are there all the time; others come and go so that the table grows and shrinks during the walk. */
UNIT_TEST(key_table, a_walk_sees_what_stays) {
    enum { STAY = 2000, MORE = 30000 };
    for (unsigned seed = 0; seed < 20; seed++) {
        struct random random;
        random_seed(&random, seed);
        struct key_table *table = key_table_new(&hash_key);
        struct record **extra = mem_zalloc(MORE * sizeof *extra);
        unsigned char *seen = mem_zalloc(STAY + MORE);
        for (unsigned i = 0; i < STAY; i++) key_table_add(table, make(i), hash_of(i));
        uint64_t cursor = 0;
        bool grow = true, go_on = true;
        while (go_on) {
            go_on = key_table_scan(table, &cursor, see, &(struct seen){seen});
            if (random_below(&random, 100) == 0) grow = !grow;
            for (unsigned n = 0; n < 40; n++) {
                unsigned i = (unsigned)random_below(&random, MORE);
                if (grow && !extra[i]) {
                    extra[i] = make(STAY + i);
                    key_table_add(table, extra[i], hash_of(STAY + i));
                } else if (!grow && extra[i]) {
                    key_table_remove(table, extra[i], hash_of(STAY + i));
                    record_free(extra[i]);
                    extra[i] = NULL;
                }
            }
        }
        for (unsigned i = 0; i < STAY; i++) CU_ASSERT_FATAL(seen[i] >= 1);
        key_table_free(&table);
        mem_free(extra);
        mem_free(seen);
    }
}

UNIT_TEST(key_table, a_quiet_walk_sees_each_once) {
    struct key_table *table = key_table_new(&hash_key);
    unsigned char seen[5000] = {0};
    for (unsigned n = 0; n < 5000; n++) {
        key_table_add(table, make(n), hash_of(n));
        if (n % 617) continue;
        memset(seen, 0, sizeof seen);
        uint64_t cursor = 0;
        while (key_table_scan(table, &cursor, see, &(struct seen){seen})) continue;
        for (unsigned i = 0; i <= n; i++) CU_ASSERT_EQUAL_FATAL(seen[i], 1);
    }
    key_table_free(&table);
}

UNIT_TEST(key_table, random_is_fair) {
    enum { N = 1000, DRAWS = 200000 };
    struct key_table *table = key_table_new(&hash_key);
    struct random random;
    random_seed(&random, 1);
    CU_ASSERT_PTR_NULL(key_table_random(table, &random));
    static unsigned drawn[N];
    for (unsigned i = 0; i < N; i++) key_table_add(table, make(i), hash_of(i));
    for (unsigned i = 0; i < DRAWS; i++) drawn[record_number(key_table_random(table, &random))]++;
    double chi = 0, expected = (double)DRAWS / N;
    for (unsigned i = 0; i < N; i++) chi += (drawn[i] - expected) * (drawn[i] - expected) / expected;
    CU_ASSERT(chi < 1150); /* 999 degrees of freedom: 1 in 2000 by chance, and the seed is fixed */
    key_table_free(&table);
}

UNIT_TEST(key_table, memory_follows_the_count_without_steps) {
    struct key_table *table = key_table_new(&hash_key);
    for (unsigned n = 1; n <= 400000; n++) {
        key_table_add(table, make(n), hash_of(n));
        if (n > 100000 && n % 10000 == 0) CU_ASSERT((double)key_table_memory(table) / n < 13.0);
    }
    struct key_table_shape shape;
    key_table_shape(table, &shape);
    CU_ASSERT_EQUAL(shape.records, 400000);
    CU_ASSERT(shape.longest_chain < 40);
    key_table_free(&table);
}

UNIT_TEST(key_table, a_reserved_table_is_as_one_that_grew) {
    for (size_t reserved = 0; reserved < 70000; reserved = reserved * 3 + 7) {
        struct key_table *table = key_table_new(&hash_key);
        key_table_reserve(table, reserved);
        key_table_reserve(table, reserved / 2);
        key_table_check(table);
        for (size_t i = 0; i < reserved + 100; i++) {
            char text[32];
            struct slice key = slice_make(text, (size_t)snprintf(text, sizeof text, "key %zu", i));
            struct value value = value_of_int((int64_t)i);
            key_table_add(table, record_new(key, &value, RECORD_NEVER), key_table_hash(&hash_key, key));
        }
        key_table_reserve(table, 1000000); /* not empty: nothing happens */
        key_table_check(table);
        CU_ASSERT_EQUAL(key_table_count(table), reserved + 100);
        for (size_t i = 0; i < reserved + 100; i++) {
            char text[32];
            struct slice key = slice_make(text, (size_t)snprintf(text, sizeof text, "key %zu", i));
            uint64_t hash = key_table_hash(&hash_key, key);
            struct record *record = key_table_find(table, key, hash, NULL);
            CU_ASSERT_PTR_NOT_NULL_FATAL(record);
            key_table_remove(table, record, hash);
            record_free(record);
        }
        key_table_check(table);
        key_table_free(&table);
    }
}
