#include "lib/unit.h"
#include "base/listpack.h"
#include "base/mem.h"
#include "base/random.h"

static void expect_entry(struct slice text, const char *bytes, size_t size) {
    struct listpack *listpack = listpack_new();
    listpack_append(&listpack, text);
    struct slice all = listpack_bytes(listpack);
    CU_ASSERT_EQUAL_FATAL(all.size, size + LISTPACK_OVERHEAD);
    CU_ASSERT_TRUE(memcmp(all.data + 6, bytes, size) == 0);
    CU_ASSERT_EQUAL(listpack_entry_size(text), size);
    CU_ASSERT_TRUE(listpack_is_valid(all));
    char buffer[NUMBER_TEXT_SIZE];
    CU_ASSERT_TRUE(slice_equal(listpack_text(listpack_first(listpack), buffer), text));
    CU_ASSERT_TRUE(listpack_is(listpack_first(listpack), text));
    CU_ASSERT_PTR_EQUAL(listpack_find(listpack, listpack_first(listpack), text, 0), listpack_first(listpack));
    mem_free(listpack);
}
#define EXPECT_ENTRY(text, bytes) expect_entry(slice_text(text), bytes, sizeof(bytes) - 1)

UNIT_TEST(listpack, has_the_established_bytes) {
    struct listpack *empty = listpack_new();
    CU_ASSERT_TRUE(slice_equal(listpack_bytes(empty), SLICE("\7\0\0\0\0\0\xff")));
    mem_free(empty);
    EXPECT_ENTRY("0", "\0\1");
    EXPECT_ENTRY("127", "\x7f\1");
    EXPECT_ENTRY("128", "\xc0\x80\2");
    EXPECT_ENTRY("-1", "\xdf\xff\2");
    EXPECT_ENTRY("4095", "\xcf\xff\2");
    EXPECT_ENTRY("-4096", "\xd0\0\2");
    EXPECT_ENTRY("4096", "\xf1\0\x10\3");
    EXPECT_ENTRY("-32768", "\xf1\0\x80\3");
    EXPECT_ENTRY("32768", "\xf2\0\x80\0\4");
    EXPECT_ENTRY("-8388608", "\xf2\0\0\x80\4");
    EXPECT_ENTRY("8388608", "\xf3\0\0\x80\0\5");
    EXPECT_ENTRY("-2147483648", "\xf3\0\0\0\x80\5");
    EXPECT_ENTRY("2147483648", "\xf4\0\0\0\x80\0\0\0\0\11");
    EXPECT_ENTRY("-9223372036854775808", "\xf4\0\0\0\0\0\0\0\x80\11");
    EXPECT_ENTRY("", "\x80\1");
    EXPECT_ENTRY("abc", "\x83" "abc\4");
    EXPECT_ENTRY("-0", "\x82-0\3");
    EXPECT_ENTRY("9223372036854775808", "\x93" "9223372036854775808\x14");
}

UNIT_TEST(listpack, holds_texts_of_all_sizes) {
    static const size_t sizes[] = {63, 64, 124, 125, 126, 4095, 4096, 16376, 16379, 16384, 2097140, 2097147, 2097152};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char *text = mem_alloc(sizes[i]);
        memset(text, 'x', sizes[i]);
        struct listpack *listpack = listpack_new();
        listpack_append(&listpack, SLICE("first"));
        listpack_append(&listpack, slice_make(text, sizes[i]));
        listpack_append(&listpack, SLICE("last"));
        CU_ASSERT_TRUE(listpack_is_valid(listpack_bytes(listpack)));
        struct listpack_entry *entry = listpack_previous(listpack, listpack_last(listpack));
        CU_ASSERT_EQUAL(listpack_get(entry).size, sizes[i]);
        CU_ASSERT_PTR_EQUAL(listpack_previous(listpack, entry), listpack_first(listpack));
        CU_ASSERT_PTR_NULL(listpack_previous(listpack, listpack_first(listpack)));
        mem_free(listpack);
        mem_free(text);
    }
}

UNIT_TEST(listpack, counts_more_entries_than_its_head_can_say) {
    struct listpack *listpack = listpack_new();
    for (int i = 0; i < 70000; i++) listpack_append_int(&listpack, i & 63);
    CU_ASSERT_EQUAL(listpack_count(listpack), 70000);
    CU_ASSERT_TRUE(listpack_is_valid(listpack_bytes(listpack)));
    CU_ASSERT_EQUAL(listpack_get(listpack_at(listpack, -1)).number, 69999 & 63);
    CU_ASSERT_PTR_NULL(listpack_at(listpack, 70000));
    CU_ASSERT_PTR_NULL(listpack_at(listpack, -70001));
    mem_free(listpack);
}

/* ---- beside a plain array ---- */

enum { MODEL_MAX = 200 };
struct model {
    struct slice items[MODEL_MAX];
    size_t       count;
};

static void model_insert(struct model *model, size_t at, struct slice text) {
    memmove(model->items + at + 1, model->items + at, (model->count - at) * sizeof *model->items);
    char *copy = mem_alloc(text.size + 1);
    if (text.size) memcpy(copy, text.data, text.size);
    model->items[at] = slice_make(copy, text.size);
    model->count++;
}

static void model_remove(struct model *model, size_t at) {
    mem_free((void *)(uintptr_t)model->items[at].data);
    memmove(model->items + at, model->items + at + 1, (--model->count - at) * sizeof *model->items);
}

static void expect_same(struct listpack *listpack, const struct model *model) {
    char buffer[NUMBER_TEXT_SIZE];
    CU_ASSERT_TRUE_FATAL(listpack_is_valid(listpack_bytes(listpack)));
    CU_ASSERT_EQUAL_FATAL(listpack_count(listpack), model->count);
    size_t i = 0;
    for (struct listpack_entry *entry = listpack_first(listpack); entry; entry = listpack_next(listpack, entry), i++) {
        CU_ASSERT_TRUE_FATAL(slice_equal(listpack_text(entry, buffer), model->items[i]));
        CU_ASSERT_PTR_EQUAL_FATAL(listpack_at(listpack, (int64_t)i), entry);
        CU_ASSERT_PTR_EQUAL_FATAL(listpack_at(listpack, (int64_t)i - (int64_t)model->count), entry);
    }
    CU_ASSERT_EQUAL_FATAL(i, model->count);
    for (struct listpack_entry *entry = listpack_last(listpack); entry; entry = listpack_previous(listpack, entry))
        CU_ASSERT_TRUE_FATAL(slice_equal(listpack_text(entry, buffer), model->items[--i]));
    CU_ASSERT_EQUAL_FATAL(i, 0);
}

static struct slice random_text(struct random *random, char *room) {
    size_t size;
    switch (random_below(random, 5)) {
    case 0: size = number_print_int(room, (int64_t)random_next(random) >> random_below(random, 64)); break;
    case 1: size = number_print_int(room, (int64_t)random_below(random, 10)); break;
    case 2: size = (size_t)random_below(random, 5000); memset(room, 'l', size); break;
    case 3: size = (size_t)random_below(random, 140); memset(room, 'm', size); break;
    default: size = (size_t)random_below(random, 3); memset(room, 'a', size); break;
    }
    return slice_make(room, size);
}

UNIT_TEST(listpack, agrees_with_an_array) {
    struct random random;
    random_seed(&random, 11);
    char room[5000];
    for (int round = 0; round < 10; round++) {
        struct model model = {.count = 0};
        struct listpack *listpack = round & 1 ? listpack_new() : listpack_new_sized(500);
        for (int step = 0; step < 300; step++) {
            struct slice text = random_text(&random, room);
            size_t at = (size_t)random_below(&random, model.count + 1);
            struct listpack_entry *entry = listpack_at(listpack, (int64_t)at), *result;
            switch (model.count == MODEL_MAX ? 5 : random_below(&random, 7)) {
            case 0: listpack_append(&listpack, text); model_insert(&model, model.count, text); break;
            case 1: listpack_prepend(&listpack, text); model_insert(&model, 0, text); break;
            case 2:
                result = listpack_insert(&listpack, entry, text);
                model_insert(&model, at, text);
                CU_ASSERT_TRUE_FATAL(listpack_is(result, text));
                break;
            case 3:
                if (!entry) break;
                result = listpack_replace(&listpack, entry, text);
                CU_ASSERT_TRUE_FATAL(listpack_is(result, text));
                model_remove(&model, at);
                model_insert(&model, at, text);
                break;
            case 4: {
                unsigned skip = (unsigned)random_below(&random, 3);
                size_t i = at;
                while (i < model.count && !slice_equal(model.items[i], text)) i += skip + 1;
                result = listpack_find(listpack, entry, text, skip);
                CU_ASSERT_PTR_EQUAL_FATAL(result, i < model.count ? listpack_at(listpack, (int64_t)i) : NULL);
                break;
            }
            default: {
                if (!entry) break;
                size_t count = (size_t)random_below(&random, 4);
                result = listpack_remove(&listpack, entry, count);
                for (; count && at < model.count; count--) model_remove(&model, at);
                CU_ASSERT_PTR_EQUAL_FATAL(result, listpack_at(listpack, (int64_t)at));
            }
            }
            if (step % 7 == 0) expect_same(listpack, &model);
        }
        expect_same(listpack, &model);
        struct listpack *copy = listpack_copy(listpack);
        if (model.count < MODEL_MAX / 2) {
            listpack_join(&listpack, copy);
            for (size_t i = 0, count = model.count; i < count; i++) model_insert(&model, model.count, model.items[i]);
            expect_same(listpack, &model);
        }
        mem_free(copy);
        mem_free(listpack);
        while (model.count) model_remove(&model, 0);
    }
}

UNIT_TEST(listpack, refuses_bytes_that_are_none) {
    static const struct { const char *bytes; size_t size; } bad[] = {
        {"", 0},
        {"\7\0\0\0\0\0", 6},
        {"\7\0\0\0\0\0\xfe", 7},
        {"\7\0\0\0\1\0\xff", 7},               /* an entry is missing */
        {"\x9\0\0\0\2\0\1\1\xff", 9},          /* one entry, not two */
        {"\x9\0\0\0\1\0\1\2\xff", 9},          /* a wrong back-length */
        {"\x8\0\0\0\1\0\x83\xff", 8},          /* a text that reaches beyond */
        {"\x9\0\0\0\1\0\xff\1\xff", 9},        /* an end inside */
        {"\x9\0\0\0\1\0\xf5\1\xff", 9},        /* no encoding */
        {"\xa\0\0\0\1\0\xe0\0\2\xff", 10},     /* not the shortest form */
        {"\xc\0\0\0\1\0\xf0\xff\xff\xff\xff\xff", 12},
        {"\x9\0\0\0\1\0\1\1\xff\xff", 10},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        /* In a block of exactly that size, so that the sanitizer sees a read beyond it. */
        char *block = mem_alloc(bad[i].size + !bad[i].size);
        memcpy(block, bad[i].bytes, bad[i].size);
        CU_ASSERT_PTR_NULL(listpack_from_bytes(slice_make(block, bad[i].size)));
        mem_free(block);
    }
    CU_ASSERT_TRUE(listpack_is_valid(slice_make("\x9\0\0\0\xff\xff\1\1\xff", 9))); /* a count that is not known */
}
