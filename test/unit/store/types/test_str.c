#include "lib/unit.h"
#include "base/mem.h"
#include "store/types/str.h"
#include "store/types/value.h"

UNIT_TEST(str, a_shared_string_is_copied_before_it_is_edited) {
    struct str *str = str_new(SLICE("hello")), *sent = str_share(str);
    str_append(&str, SLICE(" world"));
    CU_ASSERT(slice_is(str_text(sent), "hello"));
    CU_ASSERT(slice_is(str_text(str), "hello world"));
    str_release(sent);
    struct str *same = str;
    str_append(&str, SLICE("!"));
    CU_ASSERT_PTR_EQUAL(str, same); /* growth left room */
    CU_ASSERT(slice_is(str_text(str), "hello world!"));
    str_release(str);
}

UNIT_TEST(str, growth_is_zeroed_and_shrinking_keeps_the_front) {
    struct str *str = str_new(SLICE("abc"));
    str_resize(&str, 6);
    CU_ASSERT(slice_equal(str_text(str), SLICE("abc\0\0\0")));
    str_resize(&str, 2);
    str_resize(&str, 4);
    CU_ASSERT(slice_equal(str_text(str), SLICE("ab\0\0")));
    str_release(str);
}

UNIT_TEST(str, takes_over_a_block) {
    char *block = mem_alloc(STR_HEADROOM + 12);
    memcpy(block + STR_HEADROOM, "0123456789\r\n", 12);
    struct str *str = str_adopt(&block, 10, STR_HEADROOM + 12);
    CU_ASSERT_PTR_NULL(block);
    CU_ASSERT(slice_is(str_text(str), "0123456789"));
    str_release(str);
}

UNIT_TEST(value, chooses_how_a_string_is_kept) {
    static const struct {
        const char *text;
        int         encoding;
    } cases[] = {
        {"0", VALUE_INT}, {"-1", VALUE_INT}, {"9223372036854775807", VALUE_INT}, {"9223372036854775808", VALUE_EMBSTR},
        {"-9223372036854775808", VALUE_INT}, {"007", VALUE_EMBSTR}, {"+1", VALUE_EMBSTR}, {"-0", VALUE_EMBSTR},
        {"", VALUE_EMBSTR}, {"12345678901234567890123456789012345678901234", VALUE_EMBSTR},
        {"123456789012345678901234567890123456789012345", VALUE_RAW},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct value value = value_of_text(slice_text(cases[i].text));
        CU_ASSERT_EQUAL(value.encoding, cases[i].encoding);
    }
}
