#include "lib/unit.h"
#include "base/mem.h"
#include "sentinel/driver/state_text.h"

static void add_entry(void *context, const char *key, const char *value) {
    bytes_add_printf(context, "%s=%s;", key, value ? value : "-");
}

static enum state_text_result read_text(struct slice text, struct bytes *seen, struct state_text_info *info) {
    struct error err = {""};
    bytes_clear(seen);
    enum state_text_result result = state_text_read(text, add_entry, seen, info, &err);
    CU_ASSERT((result == STATE_TEXT_OK) == (err.text[0] == '\0'));
    return result;
}

/* Three records; ends[i] is the size up to the end of record i. */
static void write_three(struct bytes *out, size_t ends[3]) {
    state_text_add_head(out);
    size_t at = state_text_begin(out, 4);
    state_text_add(out, "epoch", "1");
    state_text_add(out, "a \"key\"\n", "\x01\xff \\ text");
    state_text_end(out, at);
    ends[0] = out->size;
    at = state_text_begin(out, 5);
    state_text_add(out, "epoch", "2");
    state_text_end(out, at);
    ends[1] = out->size;
    at = state_text_begin(out, 6);
    state_text_add(out, "epoch", NULL);
    state_text_end(out, at);
    ends[2] = out->size;
}

static const char *const seen_after[3] = {
    "epoch=1;a \"key\"\n=\x01\xff \\ text;",
    "epoch=1;a \"key\"\n=\x01\xff \\ text;epoch=2;",
    "epoch=1;a \"key\"\n=\x01\xff \\ text;epoch=2;epoch=-;",
};

UNIT_TEST(state_text, reads_what_it_wrote) {
    struct bytes text = {0}, seen = {0};
    size_t ends[3];
    struct state_text_info info;
    write_three(&text, ends);
    CU_ASSERT_EQUAL(read_text(bytes_slice(&text), &seen, &info), STATE_TEXT_OK);
    EXPECT_TEXT(bytes_text(&seen), seen_after[2]);
    CU_ASSERT(info.count == 3 && info.last_serial == 6 && info.good_bytes == text.size);
    bytes_fini(&text);
    bytes_fini(&seen);
}

UNIT_TEST(state_text, cut_at_every_byte_it_recovers_to_the_last_complete_record) {
    struct bytes text = {0}, seen = {0};
    size_t ends[3];
    struct state_text_info info;
    write_three(&text, ends);
    for (size_t size = 0; size < text.size; size++) {
        enum state_text_result result = read_text(slice_make(text.data, size), &seen, &info);
        if (size < ends[0]) {
            CU_ASSERT(result == (size == 0 ? STATE_TEXT_NONE : STATE_TEXT_REFUSED) && seen.size == 0);
            continue;
        }
        unsigned last = size >= ends[1] ? 1 : 0;
        bool whole = size == ends[last];
        CU_ASSERT_EQUAL(result, whole ? STATE_TEXT_OK : STATE_TEXT_TORN);
        CU_ASSERT_EQUAL(info.good_bytes, ends[last]);
        EXPECT_TEXT(bytes_text(&seen), seen_after[last]);
    }
    bytes_fini(&text);
    bytes_fini(&seen);
}

UNIT_TEST(state_text, a_flipped_bit_is_never_believed) {
    struct bytes text = {0}, seen = {0};
    size_t ends[3];
    struct state_text_info info;
    write_three(&text, ends);
    size_t head_end = (size_t)(strstr(text.data, "--- #") - text.data);
    size_t first_line = (size_t)(strchr(text.data, '\n') - text.data);
    for (size_t bit = 0; bit < text.size * 8; bit++) {
        size_t byte = bit / 8;
        text.data[byte] ^= (char)(1 << bit % 8);
        enum state_text_result result = read_text(bytes_slice(&text), &seen, &info);
        /* The comment after the first line is nobody's data; but a break in it may make its rest look like a record. */
        bool allowed = byte <= first_line ? result == STATE_TEXT_REFUSED
                       : byte < head_end  ? result == STATE_TEXT_OK || result == STATE_TEXT_REFUSED
                       : byte < ends[1]   ? result == STATE_TEXT_REFUSED || result == STATE_TEXT_TORN
                                          : result == STATE_TEXT_TORN;
        CU_ASSERT(allowed);
        /* Damage before a good record is not a torn tail. Only where the flip unites the last two records is it. */
        CU_ASSERT(byte < head_end || byte >= ends[0] || result == STATE_TEXT_REFUSED);
        CU_ASSERT(result != STATE_TEXT_REFUSED || seen.size == 0);
        if (result == STATE_TEXT_TORN) {
            const char *expected = seen_after[info.good_bytes == ends[0] ? 0 : 1];
            EXPECT_TEXT(bytes_text(&seen), expected);
        }
        text.data[byte] ^= (char)(1 << bit % 8);
    }
    bytes_fini(&text);
    bytes_fini(&seen);
}

UNIT_TEST(state_text, refuses_strangers_and_newer_formats) {
    struct bytes seen = {0};
    struct state_text_info info;
    CU_ASSERT_EQUAL(read_text(SLICE("sentinel monitor m 1.2.3.4 5 2\n"), &seen, &info), STATE_TEXT_REFUSED);
    CU_ASSERT_EQUAL(read_text(SLICE("# kvd sentinel state, format 2\n--- # 1\n"), &seen, &info), STATE_TEXT_REFUSED);
    CU_ASSERT_EQUAL(read_text(SLICE("\0\0\0\0"), &seen, &info), STATE_TEXT_REFUSED);
    CU_ASSERT_EQUAL(read_text(SLICE(""), &seen, &info), STATE_TEXT_NONE);
    bytes_fini(&seen);
}

UNIT_TEST(state_text, a_missing_record_is_damage) {
    struct bytes text = {0}, seen = {0};
    size_t ends[3];
    struct state_text_info info;
    write_three(&text, ends);
    memmove(text.data + ends[0], text.data + ends[1], ends[2] - ends[1]);
    text.size -= ends[1] - ends[0];
    CU_ASSERT_EQUAL(read_text(bytes_slice(&text), &seen, &info), STATE_TEXT_REFUSED);
    bytes_fini(&text);
    bytes_fini(&seen);
}
