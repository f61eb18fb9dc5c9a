#include "lib/unit.h"
#include "base/random.h"
#include "store/types/bits.h"

static bool bit_at(struct slice text, int64_t at) {
    return (unsigned char)text.data[at / 8] >> (7 - at % 8) & 1;
}

UNIT_TEST(bits, counting_and_finding_agree_with_looking_at_each_bit) {
    struct random random;
    random_seed(&random, 7);
    char data[40];
    for (int round = 0; round < 3000; round++) {
        size_t   size = 1 + random_below(&random, sizeof data);
        unsigned kind = (unsigned)random_below(&random, 3);
        for (size_t i = 0; i < size; i++) data[i] = (char)(kind == 0 ? random_next(&random) : kind == 1 ? 0 : 0xff);
        if (kind) data[random_below(&random, size)] ^= (char)(1u << random_below(&random, 8));
        struct slice text = slice_make(data, size);
        int64_t      first = (int64_t)random_below(&random, size * 8);
        int64_t      last = first + (int64_t)random_below(&random, size * 8 - (size_t)first);
        int64_t      count = 0, found[2] = {-1, -1};
        for (int64_t i = last; i >= first; i--) {
            count += bit_at(text, i);
            found[bit_at(text, i)] = i;
        }
        CU_ASSERT_EQUAL(bits_count(text, first, last), count);
        CU_ASSERT_EQUAL(bits_find(text, false, first, last), found[0]);
        CU_ASSERT_EQUAL(bits_find(text, true, first, last), found[1]);
    }
}

UNIT_TEST(bits, a_number_is_read_as_it_was_written_and_its_neighbours_stay) {
    struct random random;
    random_seed(&random, 8);
    for (int round = 0; round < 3000; round++) {
        char     data[24], before[24];
        unsigned width = 1 + (unsigned)random_below(&random, 64);
        uint64_t at = random_below(&random, 24 * 8 - width + 1), number = random_next(&random);
        for (size_t i = 0; i < sizeof data; i++) before[i] = data[i] = (char)random_next(&random);
        bits_write(data, at, width, number);
        if (width < 64) number &= ((uint64_t)1 << width) - 1;
        CU_ASSERT_EQUAL(bits_read(slice_make(data, sizeof data), at, width), number);
        for (int64_t i = 0; i < 24 * 8; i++)
            if ((uint64_t)i < at || (uint64_t)i >= at + width)
                CU_ASSERT_EQUAL(bit_at(slice_make(data, 24), i), bit_at(slice_make(before, 24), i));
    }
    CU_ASSERT_EQUAL(bits_read(SLICE("\xff"), 4, 8), 0xf0); /* zeros behind the text */
}

UNIT_TEST(bits, shorter_texts_are_followed_by_zeros) {
    struct slice texts[] = {SLICE("\xff\xff"), SLICE("\x0f"), SLICE("\x01\x02\x04")};
    char         out[3];
    bits_combine(BITS_AND, texts, 3, out, 3);
    CU_ASSERT_EQUAL(memcmp(out, "\x01\0\0", 3), 0);
    bits_combine(BITS_OR, texts, 3, out, 3);
    CU_ASSERT_EQUAL(memcmp(out, "\xff\xff\x04", 3), 0);
    bits_combine(BITS_XOR, texts, 3, out, 3);
    CU_ASSERT_EQUAL(memcmp(out, "\xf1\xfd\x04", 3), 0);
    bits_combine(BITS_NOT, texts, 1, out, 2);
    CU_ASSERT_EQUAL(memcmp(out, "\0\0", 2), 0);
}
