#include "lib/unit.h"
#include "base/crc64.h"

UNIT_TEST(crc64, has_the_published_check_value) {
    CU_ASSERT_EQUAL(crc64_update(0, SLICE("123456789")), 0xe9c6d914c4b8d9cau);
    CU_ASSERT_EQUAL(crc64_update(0, SLICE("")), 0);
}

/* The definition, a bit at a time. */
static uint64_t slowly(uint64_t crc, struct slice data) {
    for (size_t i = 0; i < data.size; i++) {
        crc ^= (unsigned char)data.data[i];
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x95ac9329ac4bc9b5u : crc >> 1;
    }
    return crc;
}

UNIT_TEST(crc64, agrees_with_its_definition_however_the_data_is_cut) {
    char data[300];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (char)(i * i * 7 + i / 3);
    uint64_t whole = slowly(0, slice_make(data, sizeof data));
    for (size_t cut = 0; cut <= sizeof data; cut++) {
        uint64_t head = crc64_update(0, slice_make(data, cut));
        CU_ASSERT_EQUAL(head, slowly(0, slice_make(data, cut)));
        CU_ASSERT_EQUAL(crc64_update(head, slice_make(data + cut, sizeof data - cut)), whole);
    }
}

/* Long enough for every way in which it is computed, at every place in memory. */
UNIT_TEST(crc64, agrees_with_its_definition_at_any_length_and_place) {
    static char data[1300];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (char)(i * i * 11 + i / 5);
    for (size_t from = 0; from < 20; from++) {
        uint64_t expected = from;
        for (size_t size = 0; size < sizeof data - from; size++) {
            if (crc64_update(from, slice_make(data + from, size)) != expected) CU_FAIL("it differs");
            expected = slowly(expected, slice_make(data + from + size, 1));
        }
    }
}
