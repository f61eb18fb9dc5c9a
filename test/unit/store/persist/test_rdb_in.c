#include "lib/unit.h"
#include "store/persist/rdb_in.h"
#include "store/persist/rdb_out.h"

static const uint64_t lengths[] = {0, 63, 64, 16383, 16384, UINT32_MAX, (uint64_t)UINT32_MAX + 1, UINT64_MAX};

UNIT_TEST(rdb_in, reads_the_lengths_that_rdb_out_writes) {
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct rdb_out out;
        rdb_out_init(&out, 1, false);
        rdb_out_length(&out, lengths[i]);
        uint64_t length;
        for (size_t size = 0; size <= out.size; size++) {
            struct rdb_in in = {.at = out.data, .end = out.data + size};
            enum rdb_result result = rdb_in_length(&in, &length);
            CU_ASSERT_EQUAL(result, size < out.size ? RDB_MORE : RDB_OK);
            if (result == RDB_MORE) CU_ASSERT_PTR_EQUAL(in.at, out.data);
            if (result == RDB_MORE) CU_ASSERT_TRUE(in.wanted > size);
        }
        CU_ASSERT_EQUAL(length, lengths[i]);
        rdb_out_fini(&out);
    }
}

UNIT_TEST(rdb_in, reads_the_texts_that_rdb_out_writes) {
    char many[400];
    memset(many, 'a', sizeof many);
    const struct slice texts[] = {SLICE(""),     SLICE("-"),          SLICE("0"),           SLICE("-128"),
                                  SLICE("128"),  SLICE("-32768"),     SLICE("2147483647"),  SLICE("2147483648"),
                                  SLICE("007"),  SLICE("-2147483648"), SLICE("hello"),      slice_make(many, 20),
                                  slice_make(many, 21), slice_make(many, sizeof many)};
    const size_t sizes[] = {1, 2, 2, 2, 3, 3, 5, 11, 4, 5, 6, 21, 10, 16};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct rdb_out out;
        rdb_out_init(&out, 1, true);
        rdb_out_text(&out, texts[i]);
        if (texts[i].size <= 20) CU_ASSERT_EQUAL(out.size, sizes[i]);
        if (texts[i].size > 20) CU_ASSERT_TRUE(out.size <= sizes[i]);
        struct rdb_text text = {0};
        for (size_t size = 0; size <= out.size; size++) {
            struct rdb_in in = {.at = out.data, .end = out.data + size};
            CU_ASSERT_EQUAL(rdb_in_text(&in, &text), size < out.size ? RDB_MORE : RDB_OK);
            if (size < out.size) CU_ASSERT_TRUE(in.wanted > size);
        }
        CU_ASSERT_TRUE(slice_equal(text.text, texts[i]));
        rdb_text_fini(&text);
        rdb_out_fini(&out);
    }
}

static const char *complaint(struct slice bytes, struct rdb_text *text) {
    struct rdb_in in = {.at = bytes.data, .end = bytes.data + bytes.size};
    CU_ASSERT_EQUAL(rdb_in_text(&in, text), RDB_BAD);
    CU_ASSERT_PTR_EQUAL(in.at, bytes.data);
    return in.wrong;
}

UNIT_TEST(rdb_in, believes_no_size) {
    struct rdb_text text = {0};
    CU_ASSERT_STRING_EQUAL(complaint(SLICE("\xc3\x02\x81\x7f\xff\xff\xff\xff\xff\xff\xff" "ab"), &text),
                           "a packed text that claims an impossible size");
    CU_ASSERT_STRING_EQUAL(complaint(SLICE("\x81\xff\xff\xff\xff\xff\xff\xff\xff"), &text), "a text of impossible size");
    CU_ASSERT_STRING_EQUAL(complaint(SLICE("\xc4"), &text), "a text of unknown encoding");
    CU_ASSERT_STRING_EQUAL(complaint(SLICE("\x82"), &text), "a length of unknown form");
    CU_ASSERT_STRING_EQUAL(complaint(SLICE("\xc3\x02\x05\x00\x00"), &text), "a packed text that cannot be unpacked");
    struct rdb_in in = {0};
    struct slice large = SLICE("\x80\x7f\xff\xff\xff" "abc");
    in.at = large.data, in.end = large.data + large.size;
    CU_ASSERT_EQUAL(rdb_in_text(&in, &text), RDB_MORE);
    CU_ASSERT_EQUAL(in.wanted, 5 + 0x7fffffffu);
    rdb_text_fini(&text);
}

UNIT_TEST(rdb_in, reads_scores) {
    double number;
    struct slice bytes = SLICE("\x03" "1.5\xff\xfe\x03" "abc");
    struct rdb_in in = {.at = bytes.data, .end = bytes.data + bytes.size};
    CU_ASSERT_EQUAL(rdb_in_text_double(&in, &number), RDB_OK);
    CU_ASSERT_EQUAL(number, 1.5);
    CU_ASSERT_EQUAL(rdb_in_text_double(&in, &number), RDB_OK);
    CU_ASSERT_TRUE(number < -1e308);
    CU_ASSERT_EQUAL(rdb_in_text_double(&in, &number), RDB_OK);
    CU_ASSERT_TRUE(number > 1e308);
    CU_ASSERT_EQUAL(rdb_in_text_double(&in, &number), RDB_BAD);
    bytes = SLICE("\0\0\0\0\0\0\xf8\x7f");
    in = (struct rdb_in){.at = bytes.data, .end = bytes.data + bytes.size};
    CU_ASSERT_EQUAL(rdb_in_double(&in, &number), RDB_BAD);
}
