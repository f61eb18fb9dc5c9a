#include "lib/unit.h"
#include "base/listpack.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/types/hash_short.h"

enum { NAMES = 40, TEXT_MAX = 300 };

/* What the bytes are compared with: each name's text, and the order in which they were added. */
struct model {
    char   text[NAMES][TEXT_MAX];
    size_t size[NAMES];
    int    order[NAMES];
    int    count;
};

static struct slice name_of(char *buffer, int i) {
    size_t size = number_print_int(buffer, i);
    memset(buffer + size, 'n', (size_t)(i % 3 ? i % 10 : i * 6)); /* short ones, and some of up to 237 bytes */
    return slice_make(buffer, size + (size_t)(i % 3 ? i % 10 : i * 6));
}

static int place_of(const struct model *model, int i) {
    for (int place = 0; place < model->count; place++)
        if (model->order[place] == i) return place;
    return -1;
}

static void check(const struct model *model, struct slice hash) {
    char name[TEXT_MAX], buffer[NUMBER_TEXT_SIZE];
    struct slice field, text;
    size_t pair = hash_short_first(hash);
    CU_ASSERT_EQUAL_FATAL(hash_short_count(hash), (size_t)model->count);
    for (int place = 0; place < model->count; place++) {
        int i = model->order[place];
        CU_ASSERT_EQUAL_FATAL(hash_short_at(hash, (size_t)place), pair);
        CU_ASSERT_EQUAL_FATAL(hash_short_find(hash, name_of(name, i)), pair);
        pair = hash_short_get(hash, pair, &field, &text, buffer);
        CU_ASSERT_TRUE_FATAL(slice_equal(field, name_of(name, i)));
        CU_ASSERT_TRUE_FATAL(slice_equal(text, slice_make(model->text[i], model->size[i])));
    }
    CU_ASSERT_EQUAL_FATAL(pair, 0);
    CU_ASSERT_EQUAL_FATAL(hash_short_at(hash, (size_t)model->count), 0);
}

static size_t some_text(struct random *random, char *text) {
    int64_t number = (int64_t)random_next(random) >> random_below(random, 64);
    size_t size = (size_t)random_below(random, random_below(random, 4) ? 26 : TEXT_MAX - 1);
    switch (random_below(random, 4)) {
    case 0: return number_print_int(text, number);
    case 1: text[0] = '0'; return 1 + number_print_int(text + 1, number & INT64_MAX); /* no number's form */
    default: memset(text, 't', size); return size;
    }
}

static void put(struct model *model, struct slice *hash, struct random *random) {
    int i = (int)random_below(random, NAMES), place = place_of(model, i);
    char name[TEXT_MAX], text[TEXT_MAX];
    size_t size = some_text(random, text), before = hash->size;
    struct slice field = name_of(name, i);
    bool done = hash_short_put(hash, hash_short_find(*hash, field), field, slice_make(text, size));
    CU_ASSERT_TRUE_FATAL(hash->size <= HASH_SHORT_MAX_BYTES);
    if (!done) {
        CU_ASSERT_EQUAL_FATAL(hash->size, before);
        CU_ASSERT_TRUE_FATAL(size > HASH_SHORT_MAX_TEXT || before + size + field.size + 3 > HASH_SHORT_MAX_BYTES);
        return;
    }
    memcpy(model->text[i], text, size);
    model->size[i] = size;
    if (place < 0) model->order[model->count++] = i;
}

static void remove_one(struct model *model, struct slice *hash, struct random *random) {
    if (!model->count) return;
    int place = (int)random_below(random, (uint64_t)model->count);
    hash_short_remove(hash, hash_short_at(*hash, (size_t)place));
    model->count--;
    memmove(model->order + place, model->order + place + 1, sizeof(int) * (size_t)(model->count - place));
}

UNIT_TEST(hash_short, agrees_with_a_model) {
    struct model *model = mem_zalloc(sizeof *model);
    struct random random;
    char *room = mem_alloc(HASH_SHORT_MAX_BYTES), *other = mem_alloc(HASH_SHORT_MAX_BYTES);
    random_seed(&random, 11);
    struct slice hash = hash_short_init(room), again;
    for (int step = 0; step < 20000; step++) {
        if (random_below(&random, 5) < 2)
            remove_one(model, &hash, &random);
        else
            put(model, &hash, &random);
        check(model, hash);
        if (step % 50) continue;
        struct listpack *listpack = hash_short_to_listpack(hash);
        CU_ASSERT_TRUE_FATAL(listpack_is_valid(listpack_bytes(listpack)));
        CU_ASSERT_EQUAL(listpack_count(listpack), 2 * (size_t)model->count);
        CU_ASSERT_TRUE_FATAL(hash_short_from_listpack(&again, other, listpack));
        CU_ASSERT_TRUE(slice_equal(again, hash));
        mem_free(listpack);
    }
    mem_free(model);
    mem_free(room);
    mem_free(other);
}

UNIT_TEST(hash_short, takes_few_bytes) {
    char room[HASH_SHORT_MAX_BYTES];
    struct slice hash = hash_short_init(room);
    CU_ASSERT_TRUE(hash_short_put(&hash, 0, SLICE("f1"), SLICE("value12345")));
    CU_ASSERT_EQUAL(hash.size, 1 + 13);
    CU_ASSERT_TRUE(hash_short_put(&hash, 0, SLICE("n"), SLICE("-128")));
    CU_ASSERT_EQUAL(hash.size, 14 + 3);
    CU_ASSERT_TRUE(hash_short_put(&hash, 0, SLICE("m"), SLICE("-9223372036854775808")));
    CU_ASSERT_EQUAL(hash.size, 17 + 10);
    CU_ASSERT_TRUE(hash_short_put(&hash, 0, SLICE(""), SLICE("")));
    CU_ASSERT_EQUAL(hash.size, 27 + 1);
}

UNIT_TEST(hash_short, holds_so_many_pairs) {
    char room[HASH_SHORT_MAX_BYTES], name[NUMBER_TEXT_SIZE];
    struct slice hash = hash_short_init(room);
    int count = 0;
    while (hash_short_put(&hash, 0, slice_make(name, number_print_int(name, count % 100)), SLICE(""))) count++;
    CU_ASSERT_EQUAL(count, HASH_SHORT_MAX_PAIRS);
    CU_ASSERT_EQUAL(hash_short_count(hash), HASH_SHORT_MAX_PAIRS);
}
