#include "lib/unit.h"
#include "base/listpack.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/types/list_value.h"

/* An element is a number, and a long text when it is odd: short lists become long, chunks fill and split, and some
 * elements are alone. */
static struct slice text_of(char *room, int number) {
    size_t size = (size_t)(number & 1 ? (number % 7 == 0 ? 9000 : 700) : 0);
    memset(room, 'x', size);
    return slice_make(room, size + number_print_int(room + size, number));
}

static void expect_same(const struct value *list, const int *model, size_t count) {
    static char room[10000];
    char buffer[NUMBER_TEXT_SIZE];
    CU_ASSERT_EQUAL_FATAL(list_value_count(list), count);
    if (count == 0) return;
    struct list_walk walk;
    struct slice text;
    list_walk_start(&walk, list, 0);
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT_TRUE_FATAL(list_walk_next(&walk, &text));
        CU_ASSERT_TRUE_FATAL(slice_equal(text, text_of(room, model[i])));
    }
    CU_ASSERT_FALSE_FATAL(list_walk_next(&walk, &text));
    list_walk_end(&walk);
    struct list_place place = list_value_at(list, 0);
    for (size_t i = 0; i < count; i++, place = list_value_step(list, place, false))
        CU_ASSERT_TRUE_FATAL(list_value_is(list, place, text_of(room, model[i])));
    CU_ASSERT_PTR_NULL_FATAL(place.entry);
    place = list_value_at(list, -1);
    for (size_t i = count; i-- > 0; place = list_value_step(list, place, true))
        CU_ASSERT_TRUE_FATAL(slice_equal(list_value_text(list, place, buffer), text_of(room, model[i])));
    CU_ASSERT_PTR_NULL_FATAL(place.entry);
    list_value_tidy(list, false);
}

static void walk_randomly(const struct list_rules *rules, uint64_t seed, int steps, int kinds) {
    enum { MOST = 160 };
    static char room[10000];
    struct random random;
    random_seed(&random, seed);
    struct value list = list_value_new();
    int model[MOST + 1];
    size_t count = 0;
    for (int step = 0; step < steps; step++) {
        int number = (int)random_below(&random, 1000) * kinds;
        struct slice text = text_of(room, number);
        size_t at = count ? (size_t)random_below(&random, count) : 0, put = at;
        struct list_place place = {0};
        unsigned what = count == MOST ? 4 : count == 0 ? 0 : (unsigned)random_below(&random, 7);
        if (what >= 2 && what != 4) place = list_value_at(&list, random_below(&random, 2) ? (int64_t)at : (int64_t)at - (int64_t)count);
        switch (what) {
        case 0: put = 0; list_value_push(&list, rules, true, &text, 1); goto add;
        case 1: put = count; list_value_push(&list, rules, false, &text, 1); goto add;
        case 2: put = at + (number & 1); list_value_insert(&list, rules, place, number & 1, text);
        add:
            memmove(model + put + 1, model + put, (count++ - put) * sizeof *model);
            model[put] = number;
            break;
        case 3: list_value_replace(&list, rules, place, text); model[at] = number; break;
        case 4: {
            size_t many = (size_t)random_below(&random, MIN((size_t)20, count - at + 1));
            list_value_remove_range(&list, at, many);
            memmove(model + at, model + at + many, (count - at - many) * sizeof *model);
            count -= many;
            break;
        }
        case 5: {
            bool backwards = number & 2;
            struct list_place next = list_value_remove(&list, place, backwards);
            memmove(model + at, model + at + 1, (--count - at) * sizeof *model);
            size_t expected = backwards ? at - 1 : at;
            CU_ASSERT_EQUAL_FATAL(next.entry != NULL, expected < count);
            if (next.entry) CU_ASSERT_TRUE_FATAL(list_value_is(&list, next, text_of(room, model[expected])));
            break;
        }
        default: list_value_tidy(&list, true);
        }
        if (step % 5 == 0) expect_same(&list, model, count);
    }
    struct value copy = list;
    if (list.object) copy.object = value_copy_object(list.type, list.encoding, list.object);
    CU_ASSERT_TRUE(!list.object || value_object_memory(list.type, list.encoding, list.object) > 0);
    value_free_object(list.type, list.encoding, list.object);
    expect_same(&copy, model, count);
    /* As a dump holds it, and from there again. */
    struct value again = list_value_new();
    for (size_t i = 0; copy.object && i < list_value_node_count(&copy); i++) {
        struct list_node_image image;
        list_value_node(&copy, i, &image);
        CU_ASSERT_FALSE_FATAL(image.is_plain);
        struct listpack *pack = listpack_from_bytes(image.bytes);
        CU_ASSERT_PTR_NOT_NULL_FATAL(pack);
        list_node_image_end(&image);
        list_value_add_pack(&again, rules, &pack);
    }
    expect_same(&again, model, count);
    value_free_object(copy.type, copy.encoding, copy.object);
    value_free_object(again.type, again.encoding, again.object);
}

UNIT_TEST(list_value, agrees_with_an_array) {
    static const struct list_rules rules[] = {{-2, 0}, {-1, 1}, {-5, 0}, {3, 1}, {0, 0}, {30, 2}, {1, 3}};
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        walk_randomly(&rules[i], 21 + i, 1500, 1); /* long texts */
        walk_randomly(&rules[i], 90 + i, 1500, 2); /* numbers only */
    }
}

/* Both ends, long enough for many chunks. */
UNIT_TEST(list_value, is_a_deque) {
    static const struct list_rules all[] = {{-2, 0}, {-1, 1}, {7, 2}};
    for (size_t r = 0; r < COUNT_OF(all); r++) {
        struct value list = list_value_new();
        struct random random;
        random_seed(&random, 5 + r);
        int64_t first = 0, end = 0; /* holds first .. end - 1 */
        char text[NUMBER_TEXT_SIZE], buffer[NUMBER_TEXT_SIZE];
        for (int step = 0; step < 60000; step++) {
            bool at_head = random_below(&random, 3) == 0;
            bool pushes = end == first || random_below(&random, 100) < (step / 10000 % 2 ? 30u : 75u);
            if (pushes) {
                int64_t number = at_head ? --first : end++;
                struct slice element = slice_make(text, number_print_int(text, number * 1000003));
                list_value_push(&list, &all[r], at_head, &element, 1);
            } else {
                struct list_place place = list_value_at(&list, at_head ? 0 : -1);
                int64_t number = at_head ? first++ : --end;
                struct slice element = slice_make(text, number_print_int(text, number * 1000003));
                CU_ASSERT_TRUE_FATAL(slice_equal(list_value_text(&list, place, buffer), element));
                list_value_remove_range(&list, at_head ? 0 : list_value_count(&list) - 1, 1);
            }
            CU_ASSERT_EQUAL_FATAL(list_value_count(&list), (size_t)(end - first));
            if (step % 97 == 0 && end > first) {
                int64_t at = (int64_t)random_below(&random, (uint64_t)(end - first));
                struct slice element = slice_make(text, number_print_int(text, (first + at) * 1000003));
                CU_ASSERT_TRUE_FATAL(list_value_is(&list, list_value_at(&list, at), element));
                list_value_tidy(&list, false);
            }
        }
        value_free_object(list.type, list.encoding, list.object);
    }
}

UNIT_TEST(list_value, small_lists_are_small) {
    const struct list_rules rules = {-2, 0};
    struct value list = list_value_new();
    char room[20][16];
    struct slice texts[20];
    for (int i = 0; i < 20; i++) texts[i] = slice_make(room[i], (size_t)snprintf(room[i], sizeof room[i], "element%d", i));
    list_value_push(&list, &rules, false, texts, 20);
    CU_ASSERT_EQUAL(list.encoding, VALUE_LISTPACK);
    CU_ASSERT_TRUE(value_object_memory(list.type, list.encoding, list.object) <= mem_good_size(2 + 10 * 9 + 10 * 10));
    value_free_object(list.type, list.encoding, list.object);
}

UNIT_TEST(list_value, compression_saves) {
    static char room[400];
    size_t bytes[2];
    for (unsigned depth = 0; depth < 2; depth++) {
        const struct list_rules rules = {-2, depth};
        struct value list = list_value_new();
        for (int i = 0; i < 1000; i++) {
            struct slice text = slice_make(room, (size_t)snprintf(room, sizeof room, "%0300d", i));
            list_value_push(&list, &rules, i & 1, &text, 1);
        }
        bytes[depth] = value_object_memory(list.type, list.encoding, list.object);
        struct value copy = list;
        copy.object = value_copy_object(list.type, list.encoding, list.object);
        CU_ASSERT_TRUE(value_object_memory(copy.type, copy.encoding, copy.object) <= bytes[depth]);
        struct list_walk walk;
        struct slice text;
        size_t seen = 0;
        list_walk_start(&walk, &copy, 1);
        while (list_walk_next(&walk, &text)) seen += text.size == 300;
        list_walk_end(&walk);
        CU_ASSERT_EQUAL(seen, 999);
        value_free_object(copy.type, copy.encoding, copy.object);
        value_free_object(list.type, list.encoding, list.object);
    }
    CU_ASSERT_TRUE(bytes[1] * 3 < bytes[0]);
}

/* A large text is one block, whoever is beside it. */
UNIT_TEST(list_value, elements_larger_than_chunks) {
    const struct list_rules rules = {-2, 0};
    struct value list = list_value_new();
    size_t size = 3 << 20;
    char *large = mem_alloc(size), buffer[NUMBER_TEXT_SIZE];
    memset(large, 'y', size);
    struct slice texts[3] = {SLICE("a"), slice_make(large, size), SLICE("b")};
    list_value_push(&list, &rules, false, texts, 3);
    CU_ASSERT_EQUAL(list_value_text(&list, list_value_at(&list, 1), buffer).size, size);
    list_value_replace(&list, &rules, list_value_at(&list, 1), SLICE("small"));
    CU_ASSERT_TRUE(list_value_is(&list, list_value_at(&list, -2), SLICE("small")));
    list_value_replace(&list, &rules, list_value_at(&list, 2), slice_make(large, size));
    list_value_insert(&list, &rules, list_value_at(&list, 2), true, SLICE("c"));
    CU_ASSERT_TRUE(list_value_is(&list, list_value_at(&list, 3), SLICE("c")));
    CU_ASSERT_TRUE(list_value_is(&list, list_value_at(&list, 0), SLICE("a")));
    value_free_object(list.type, list.encoding, list.object);
    mem_free(large);
}
