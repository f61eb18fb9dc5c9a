#include "lib/unit.h"
#include "base/number.h"

#include <math.h>

static int parses(const char *text, int64_t expected) {
    int64_t value = 0;
    return number_parse_int(slice_text(text), &value) && value == expected;
}

static int refuses(const char *text) {
    int64_t value;
    return !number_parse_int(slice_text(text), &value);
}

UNIT_TEST(number, integers_are_strict) {
    CU_ASSERT(parses("0", 0));
    CU_ASSERT(parses("-1", -1));
    CU_ASSERT(parses("9223372036854775807", INT64_MAX));
    CU_ASSERT(parses("-9223372036854775808", INT64_MIN));
    CU_ASSERT(refuses("9223372036854775808"));
    CU_ASSERT(refuses("-9223372036854775809"));
    CU_ASSERT(refuses("99999999999999999999999"));
    CU_ASSERT(refuses(""));
    CU_ASSERT(refuses("-"));
    CU_ASSERT(refuses("-0"));
    CU_ASSERT(refuses("+1"));
    CU_ASSERT(refuses("01"));
    CU_ASSERT(refuses(" 1"));
    CU_ASSERT(refuses("1 "));
    CU_ASSERT(refuses("1a"));
}

UNIT_TEST(number, integers_print_back) {
    int64_t values[] = {0, 1, -1, 9, 10, 99, 100, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        char text[NUMBER_TEXT_SIZE];
        size_t size = number_print_int(text, values[i]);
        CU_ASSERT_EQUAL(strlen(text), size);
        CU_ASSERT(parses(text, values[i]));
    }
}

static const char *printed(double value) {
    static char text[40];
    number_print_double(text, value);
    return text;
}

UNIT_TEST(number, doubles_print_shortest) {
    EXPECT_TEXT(printed(3), "3");
    EXPECT_TEXT(printed(-0.0), "-0");
    EXPECT_TEXT(printed(0.1), "0.1");
    EXPECT_TEXT(printed(1.0 / 3), "0.3333333333333333");
    EXPECT_TEXT(printed(1e20), "1e+20");
    EXPECT_TEXT(printed(-INFINITY), "-inf");
    EXPECT_TEXT(printed(9007199254740993.0), "9007199254740992");
}

UNIT_TEST(number, sizes_have_units) {
    uint64_t value;
    CU_ASSERT(number_parse_size(SLICE("2gb"), &value) && value == 2ull << 30);
    CU_ASSERT(number_parse_size(SLICE("1K"), &value) && value == 1000);
    CU_ASSERT(number_parse_size(SLICE("10"), &value) && value == 10);
    CU_ASSERT_FALSE(number_parse_size(SLICE("10x"), &value));
    CU_ASSERT_FALSE(number_parse_size(SLICE("-1"), &value));
    CU_ASSERT_FALSE(number_parse_size(SLICE("99999999999gb"), &value));
}

UNIT_TEST(number, long_doubles_lose_their_zeros) {
    static char text[5200];
    number_print_long_double(text, 3.0L);
    EXPECT_TEXT(text, "3");
    number_print_long_double(text, 10.5L + 0.1L);
    EXPECT_TEXT(text, "10.6");
}

static void expect_printed(uint64_t value) {
    char printed[NUMBER_TEXT_SIZE], expected[NUMBER_TEXT_SIZE];
    size_t size = (size_t)snprintf(expected, sizeof expected, "%llu", (unsigned long long)value);
    CU_ASSERT_EQUAL(number_print_uint(printed, value), size);
    CU_ASSERT_EQUAL(number_digits(value), size);
    CU_ASSERT_STRING_EQUAL(printed, expected);
}

UNIT_TEST(number, prints_around_powers) {
    uint64_t ten = 1;
    for (int i = 0; i < 20; i++, ten *= 10)
        for (uint64_t k = 0; k < 7; k++) expect_printed(ten + k - 3);
    for (int i = 0; i < 64; i++)
        for (uint64_t k = 0; k < 3; k++) expect_printed((1ull << i) + k - 1);
}
