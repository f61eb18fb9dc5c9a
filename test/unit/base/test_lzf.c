#include "lib/unit.h"
#include "base/lzf.h"
#include "base/random.h"

UNIT_TEST(lzf, unpacks_what_it_packed) {
    struct random random;
    random_seed(&random, 5);
    char text[2000], packed[2000], unpacked[2000];
    for (int round = 0; round < 500; round++) {
        size_t size = 30 + (size_t)random_below(&random, sizeof text - 30), letters = 1 + (size_t)random_below(&random, 20);
        for (size_t i = 0; i < size; i++) text[i] = (char)('a' + random_below(&random, letters));
        size_t packed_size = lzf_pack(slice_make(text, size), packed, size - 4);
        if (!packed_size) continue;
        CU_ASSERT_TRUE(size <= lzf_unpacked_max(packed_size));
        CU_ASSERT_TRUE_FATAL(lzf_unpack(slice_make(packed, packed_size), unpacked, size));
        CU_ASSERT_EQUAL(memcmp(text, unpacked, size), 0);
        CU_ASSERT_FALSE(lzf_unpack(slice_make(packed, packed_size), unpacked, size - 1));
        CU_ASSERT_FALSE(lzf_unpack(slice_make(packed, packed_size - 1), unpacked, size));
    }
}

UNIT_TEST(lzf, never_claims_more_than_is_possible) {
    static char text[100000], packed[100000];
    memset(text, 'x', sizeof text);
    size_t size = lzf_pack(slice_make(text, sizeof text), packed, sizeof packed);
    CU_ASSERT_NOT_EQUAL(size, 0);
    CU_ASSERT_TRUE(sizeof text <= lzf_unpacked_max(size));
    CU_ASSERT_EQUAL(lzf_pack(SLICE("no two of these"), packed, 11), 0);
}
