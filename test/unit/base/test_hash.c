#include "lib/unit.h"
#include "base/hash.h"
#include "base/random.h"

UNIT_TEST(hash, depends_on_every_byte_and_the_key) {
    struct hash_key key = {1, 2}, other = {1, 3};
    char data[40];
    memset(data, 'x', sizeof data);
    for (size_t size = 0; size < sizeof data; size++) {
        uint64_t h = hash_slice(&key, slice_make(data, size));
        CU_ASSERT_EQUAL(h, hash_slice(&key, slice_make(data, size)));
        CU_ASSERT_NOT_EQUAL(h, hash_slice(&other, slice_make(data, size)));
        CU_ASSERT_NOT_EQUAL(h, hash_slice(&key, slice_make(data, size + (size < 39))) + (size == 39));
        for (size_t i = 0; i < size; i++) {
            data[i] ^= 1;
            CU_ASSERT_NOT_EQUAL(h, hash_slice(&key, slice_make(data, size)));
            data[i] ^= 1;
        }
    }
}

UNIT_TEST(hash, ignores_case_only_when_asked) {
    struct hash_key key = {5, 6};
    CU_ASSERT_EQUAL(hash_slice_nocase(&key, SLICE("MaxMemory-Policy")), hash_slice_nocase(&key, SLICE("maxmemory-policy")));
    CU_ASSERT_EQUAL(hash_slice_nocase(&key, SLICE("maxmemory-policy")), hash_slice(&key, SLICE("maxmemory-policy")));
    CU_ASSERT_NOT_EQUAL(hash_slice(&key, SLICE("A")), hash_slice(&key, SLICE("a")));
}

UNIT_TEST(hash, random_is_reproducible_and_bounded) {
    struct random a, b;
    random_seed(&a, 42);
    random_seed(&b, 42);
    unsigned seen[7] = {0};
    for (int i = 0; i < 7000; i++) {
        uint64_t value = random_below(&a, 7);
        CU_ASSERT_EQUAL(value, random_below(&b, 7));
        CU_ASSERT_FATAL(value < 7);
        seen[value]++;
    }
    for (int i = 0; i < 7; i++) CU_ASSERT(seen[i] > 800 && seen[i] < 1200);
}
