#include "lib/unit.h"
#include "base/random.h"
#include "store/types/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void expect_printed(double score, const char *text, const char *packed) {
    char   out[SCORE_TEXT_SIZE];
    size_t size = score_print(out, score);
    EXPECT_TEXT(out, text);
    CU_ASSERT_EQUAL(size, strlen(text));
    size = score_print_packed(out, score);
    EXPECT_TEXT(out, packed);
    CU_ASSERT_EQUAL(size, strlen(packed));
}

UNIT_TEST(score, is_printed_as_by_redis) {
    expect_printed(3, "3", "3");
    expect_printed(-0.0, "-0", "0");
    expect_printed(0.1, "0.10000000000000001", "0.10000000000000001");
    expect_printed(-1.5, "-1.5", "-1.5");
    expect_printed(INFINITY, "inf", "inf");
    expect_printed(-INFINITY, "-inf", "-inf");
    expect_printed(1e16, "10000000000000000", "10000000000000000");
    expect_printed(1e17, "1e+17", "100000000000000000");
    expect_printed(4611686018427387904.0, "4.6116860184273879e+18", "4611686018427387904");
    expect_printed(-9223372036854775808.0, "-9.2233720368547758e+18", "-9.2233720368547758e+18");
    expect_printed(5e-324, "4.9406564584124654e-324", "4.9406564584124654e-324");
    expect_printed(999999.0009765625, "999999.0009765625", "999999.0009765625");
}

/* Every shortcut gives what the C library would. */
UNIT_TEST(score, agrees_with_the_c_library) {
    struct random random;
    random_seed(&random, 7);
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = random_next(&random);
        double   value, back;
        char     expected[64], text[SCORE_TEXT_SIZE];
        if (i % 4 == 0) memcpy(&value, &bits, sizeof value);
        else if (i % 4 == 1) value = (double)(int64_t)(bits >> random_below(&random, 60));
        else if (i % 4 == 2) value = (double)((int64_t)bits >> (20 + random_below(&random, 40))) / 1024;
        else value = (double)(int64_t)(bits % 100000000) / 10000;
        if (isnan(value)) continue;
        snprintf(expected, sizeof expected, "%.17g", value);
        score_print(text, value);
        EXPECT_TEXT(text, expected);
        CU_ASSERT_TRUE_FATAL(score_parse(slice_text(text), &back) || isinf(value) || fpclassify(value) == FP_SUBNORMAL);
        snprintf(expected, sizeof expected, "%.*f", (int)random_below(&random, 8), value);
        if (strlen(expected) < 60 && score_parse(slice_text(expected), &back)) CU_ASSERT_EQUAL(back, strtod(expected, NULL));
    }
}

UNIT_TEST(score, refuses_what_is_not_one) {
    static const char *const bad[] = {"", " 1", "1 ", "nan", "-", ".", "-.", "1..2", "1e", "abc", "1e400", "--1"};
    double score;
    for (size_t i = 0; i < COUNT_OF(bad); i++) CU_ASSERT_FALSE(score_parse(slice_text(bad[i]), &score));
    CU_ASSERT_FALSE(score_parse(slice_make("1\0", 2), &score));
    CU_ASSERT_TRUE(score_parse(SLICE("0x1p3"), &score));
    CU_ASSERT_EQUAL(score, 8);
    CU_ASSERT_TRUE(score_parse(SLICE("1."), &score));
    CU_ASSERT_TRUE(score_parse(SLICE("-inf"), &score));
    bool is_exclusive;
    CU_ASSERT_TRUE(score_parse_bound(SLICE("(1.5"), &score, &is_exclusive));
    CU_ASSERT_TRUE(is_exclusive && score == 1.5);
    CU_ASSERT_TRUE(score_parse_bound(SLICE(""), &score, &is_exclusive));
    CU_ASSERT_TRUE(!is_exclusive && score == 0);
    CU_ASSERT_FALSE(score_parse_bound(SLICE("nan"), &score, &is_exclusive));
}

UNIT_TEST(score, keys_are_in_the_order_of_scores) {
    static const double order[] = {-INFINITY, -1e300, -1.5, -1, -5e-324, 0, 5e-324, 1, 1.5, 1e300, INFINITY};
    for (size_t i = 1; i < COUNT_OF(order); i++) CU_ASSERT_TRUE(score_key(order[i - 1]) < score_key(order[i]));
    CU_ASSERT_EQUAL(score_key(-0.0), score_key(0));
}
