#include "lib/unit.h"
#include "base/bytes.h"
#include "base/mem.h"

UNIT_TEST(bytes, keeps_a_zero_behind_the_end) {
    struct bytes b = {0};
    EXPECT_TEXT(bytes_text(&b), "");
    for (int i = 0; i < 1000; i++) {
        bytes_add_char(&b, 'a');
        CU_ASSERT_EQUAL_FATAL(b.data[b.size], 0);
    }
    CU_ASSERT_EQUAL(b.size, 1000);
    bytes_drop_front(&b, 999);
    EXPECT_TEXT(bytes_text(&b), "a");
    bytes_fini(&b);
}

UNIT_TEST(bytes, prints_longer_than_its_room) {
    struct bytes b = {0};
    bytes_add_printf(&b, "%0500d", 7);
    CU_ASSERT_EQUAL(b.size, 500);
    CU_ASSERT_EQUAL(b.data[499], '7');
    bytes_fini(&b);
}

UNIT_TEST(bytes, quotes_what_cannot_be_shown) {
    struct bytes b = {0};
    bytes_add_quoted(&b, SLICE("a\"\\\n\x01\xff"));
    EXPECT_TEXT(bytes_text(&b), "\"a\\\"\\\\\\n\\x01\\xff\"");
    bytes_fini(&b);
}

UNIT_TEST(bytes, splits_into_every_part) {
    struct slice rest = SLICE("a,,b,"), part;
    const char *expected[] = {"a", "", "b", ""};
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_FATAL(slice_split(&rest, ',', &part));
        CU_ASSERT(slice_is(part, expected[i]));
    }
    CU_ASSERT_FALSE(slice_split(&rest, ',', &part));
}

UNIT_TEST(bytes, compares_like_memcmp_then_by_length) {
    CU_ASSERT(slice_compare(SLICE("a"), SLICE("ab")) < 0);
    CU_ASSERT(slice_compare(SLICE("b"), SLICE("ab")) > 0);
    CU_ASSERT_EQUAL(slice_compare(SLICE("ab"), SLICE("ab")), 0);
    CU_ASSERT(slice_equal_nocase(SLICE("GeT"), SLICE("gEt")));
}
