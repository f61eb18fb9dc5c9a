#include "lib/unit.h"
#include "base/listpack.h"
#include "base/mem.h"
#include "store/persist/packed_old.h"

/* One entry of each encoding: "hi", 12, -3, 300, 70000, 5000000, 2^40, 100 times 'x'. */
static size_t make_ziplist(char *out) {
    static const char head[] = "\x02hi\x04\xfd\x02\xfe\xfd\x03\xc0\x2c\x01\x04\xf0\x70\x11\x01\x05\xd0\x40\x4b\x4c\x00"
                               "\x06\xe0\x00\x00\x00\x00\x00\x01\x00\x00\x0a\x40\x64";
    size_t size = 10;
    out[size++] = 0; /* nothing before */
    memcpy(out + size, head, sizeof head - 1);
    size += sizeof head - 1;
    uint32_t tail = (uint32_t)size - 3;
    memset(out + size, 'x', 100);
    size += 100;
    out[size++] = (char)0xff;
    uint32_t total = (uint32_t)size;
    memcpy(out, &total, 4);
    memcpy(out + 4, &tail, 4);
    out[8] = 8;
    out[9] = 0;
    return size;
}

static void expect(const struct listpack *listpack, const char *const *texts, size_t count) {
    char buffer[NUMBER_TEXT_SIZE];
    CU_ASSERT_EQUAL_FATAL(listpack_count(listpack), count);
    struct listpack_entry *at = listpack_first(listpack);
    for (size_t i = 0; i < count; i++, at = listpack_next(listpack, at))
        CU_ASSERT_TRUE(slice_is(listpack_text(at, buffer), texts[i]));
}

UNIT_TEST(packed_old, reads_every_encoding_of_a_ziplist) {
    char bytes[300], xs[101];
    memset(xs, 'x', 100);
    xs[100] = 0;
    const char *const texts[] = {"hi", "12", "-3", "300", "70000", "5000000", "1099511627776", xs};
    struct listpack *listpack = packed_old_ziplist(slice_make(bytes, make_ziplist(bytes)));
    CU_ASSERT_PTR_NOT_NULL_FATAL(listpack);
    expect(listpack, texts, COUNT_OF(texts));
    mem_free(listpack);
}

UNIT_TEST(packed_old, refuses_a_ziplist_that_is_cut_or_has_another_head) {
    char bytes[300];
    size_t size = make_ziplist(bytes);
    for (size_t cut = 0; cut < size; cut++) CU_ASSERT_PTR_NULL(packed_old_ziplist(slice_make(bytes, cut)));
    for (size_t i = 0; i < 10; i++) {
        bytes[i] ^= 4;
        CU_ASSERT_PTR_NULL(packed_old_ziplist(slice_make(bytes, size)));
        bytes[i] ^= 4;
    }
}

UNIT_TEST(packed_old, reads_a_zipmap_with_unused_bytes) {
    static const char bytes[] = "\x02\x03" "foo\x03\x00" "bar\x05" "hello\x05\x02" "world!!\xff";
    const char *const texts[] = {"foo", "bar", "hello", "world"};
    struct listpack *listpack = packed_old_zipmap(slice_make(bytes, sizeof bytes - 1));
    CU_ASSERT_PTR_NOT_NULL_FATAL(listpack);
    expect(listpack, texts, COUNT_OF(texts));
    mem_free(listpack);
    for (size_t cut = 0; cut < sizeof bytes - 1; cut++) CU_ASSERT_PTR_NULL(packed_old_zipmap(slice_make(bytes, cut)));
}
