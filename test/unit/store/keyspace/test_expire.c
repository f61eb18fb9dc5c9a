#include "lib/unit.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/keyspace/expire.h"

/* Each deadline is given back once, not before it is over and at most two ticks later, whatever the level it was at. */
UNIT_TEST(expire, gives_back_every_place_in_time) {
    enum { N = 20000 };
    static const int64_t horizons[] = {1000, 60000, 3600000, 86400000, 40ll * 86400000};
    for (size_t h = 0; h < COUNT_OF(horizons); h++) {
        int64_t now = 1700000000123;
        struct expire_index *index = expire_index_new(now);
        struct random random;
        random_seed(&random, h);
        static int64_t deadline[N];
        for (unsigned i = 0; i < N; i++) {
            deadline[i] = now + (int64_t)random_below(&random, (uint64_t)horizons[h]);
            expire_index_add(index, i, deadline[i]);
        }
        size_t left = N;
        int64_t step = MAX(horizons[h] / 5000, 100);
        while (left) {
            now += step;
            uint64_t hash;
            enum expire_step what;
            while ((what = expire_index_next(index, now, &hash)) != EXPIRE_NONE) {
                if (what == EXPIRE_WORK) continue;
                CU_ASSERT_FATAL(hash < N);
                if (deadline[hash] >= now) { /* came from beyond the wheel: file it again */
                    expire_index_add(index, hash, deadline[hash]);
                    continue;
                }
                CU_ASSERT_FATAL(deadline[hash] != 0);
                CU_ASSERT_FATAL(deadline[hash] + step + 3 * EXPIRE_TICK_MS >= now);
                deadline[hash] = 0;
                left--;
            }
        }
        CU_ASSERT_EQUAL(expire_index_count(index), 0);
        expire_index_free(&index);
    }
}

UNIT_TEST(expire, a_place_takes_little_more_than_its_eight_bytes) {
    struct expire_index *index = expire_index_new(1700000000000);
    for (unsigned i = 0; i < 1000000; i++) expire_index_add(index, i, 1700000000000 + 86400000);
    CU_ASSERT(expire_index_memory(index) < 8200000);
    uint64_t hash, sum = 0;
    while (expire_index_take(index, &hash)) sum += hash;
    CU_ASSERT_EQUAL(sum, 499999500000ull);
    expire_index_free(&index);
}

UNIT_TEST(expire, knows_that_the_clock_was_set_back) {
    struct expire_index *index = expire_index_new(1700000000000);
    CU_ASSERT_FALSE(expire_index_is_ahead(index, 1700000000000 - 1000));
    CU_ASSERT_TRUE(expire_index_is_ahead(index, 1700000000000 - 60000));
    expire_index_free(&index);
}

UNIT_TEST(expire, places_are_taken_in_time_or_at_random_and_none_is_lost) {
    enum { PLACES = 5000 };
    static bool seen[PLACES];
    for (int way = 0; way < 2; way++) {
        struct random random;
        random_seed(&random, 11);
        struct expire_index *index = expire_index_new(1700000000000);
        memset(seen, 0, sizeof seen);
        for (unsigned i = 0; i < PLACES; i++)
            expire_index_add(index, i, 1700000000000 + (int64_t)(i % 3 == 0 ? i : i % 3 == 1 ? i * 1000ll : i * 400000ll));
        uint64_t hashes[7];
        size_t taken = 0, count;
        while ((count = expire_index_take_some(index, way ? &random : NULL, hashes, COUNT_OF(hashes))) > 0) {
            for (size_t i = 0; i < count; i++) {
                CU_ASSERT_FATAL(hashes[i] < PLACES);
                CU_ASSERT_FALSE(seen[hashes[i]]);
                seen[hashes[i]] = true;
                /* The first third ends within 5 s, the others later but for a few. */
                if (!way && taken + i < PLACES / 3 - 10) CU_ASSERT(hashes[i] % 3 == 0 || hashes[i] < 20);
            }
            taken += count;
            CU_ASSERT_EQUAL(expire_index_count(index), PLACES - taken);
        }
        CU_ASSERT_EQUAL(taken, PLACES);
        expire_index_free(&index);
    }
}

/* The earliest is never told too late, and told within a tick when it is near. */
UNIT_TEST(expire, tells_the_earliest_deadline) {
    enum { N = 300 };
    struct random random;
    random_seed(&random, 17);
    for (int round = 0; round < 40; round++) {
        int64_t now = 1700000000123 + (int64_t)random_below(&random, 100000000), deadline[N], range = 1ll << (8 + round % 26);
        struct expire_index *index = expire_index_new(now);
        for (uint64_t i = 0; i < N; i++) {
            deadline[i] = now + (int64_t)random_below(&random, (uint64_t)range);
            expire_index_add(index, i, deadline[i]);
        }
        while (expire_index_count(index)) {
            int64_t earliest = INT64_MAX, told = expire_index_earliest_ms(index);
            for (unsigned i = 0; i < N; i++)
                if (deadline[i] >= 0) earliest = MIN(earliest, deadline[i]);
            CU_ASSERT_TRUE_FATAL(told <= earliest);
            if (earliest - now < 200 * EXPIRE_TICK_MS && told > now) CU_ASSERT_TRUE_FATAL(earliest - told < 256 * EXPIRE_TICK_MS);
            now = MAX(now, told) + 2 * EXPIRE_TICK_MS;
            uint64_t hash;
            enum expire_step step;
            while ((step = expire_index_next(index, now, &hash)) != EXPIRE_NONE) {
                if (step == EXPIRE_WORK) continue;
                if (deadline[hash] >= now)
                    expire_index_add(index, hash, deadline[hash]);
                else
                    deadline[hash] = -1;
            }
        }
        expire_index_free(&index);
    }
}
