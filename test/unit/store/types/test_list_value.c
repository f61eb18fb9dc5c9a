#include "lib/unit.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/types/list_value.h"

/* An element is a number, and a long text when it is odd: chunks fill and split. */
static struct slice text_of(char *room, int number) {
    size_t size = (size_t)(number & 1 ? (number % 7 == 0 ? 9000 : 700) : 0);
    memset(room, 'x', size);
    return slice_make(room, size + number_print_int(room + size, number));
}

static void expect_same(const struct list_value *list, const int *model, size_t count) {
    static char room[10000];
    CU_ASSERT_EQUAL_FATAL(list_value_count(list), count);
    struct list_place place = list_value_at(list, 0);
    for (size_t i = 0; i < count; i++, place = list_value_step(place, false))
        CU_ASSERT_TRUE_FATAL(list_place_is(place, text_of(room, model[i])));
    CU_ASSERT_PTR_NULL_FATAL(place.chunk);
    place = list_value_at(list, -1);
    for (size_t i = count; i-- > 0; place = list_value_step(place, true))
        CU_ASSERT_TRUE_FATAL(list_place_is(place, text_of(room, model[i])));
    CU_ASSERT_PTR_NULL_FATAL(place.chunk);
}

UNIT_TEST(list_value, agrees_with_an_array) {
    enum { MOST = 120 };
    static char room[10000];
    struct random random;
    random_seed(&random, 21);
    struct list_value *list = list_value_new();
    int model[MOST + 1];
    size_t count = 0;
    for (int step = 0; step < 3000; step++) {
        int number = (int)random_below(&random, 1000);
        struct slice text = text_of(room, number);
        size_t at = count ? (size_t)random_below(&random, count) : 0, put = at;
        struct list_place place = list_value_at(list, random_below(&random, 2) ? (int64_t)at : (int64_t)at - (int64_t)count);
        switch (count == MOST ? 4 : count == 0 ? 0 : random_below(&random, 6)) {
        case 0: put = 0; list_value_push(list, true, text); goto add;
        case 1: put = count; list_value_push(list, false, text); goto add;
        case 2: put = at + (number & 1); list_value_insert(list, place, number & 1, text);
        add:
            memmove(model + put + 1, model + put, (count++ - put) * sizeof *model);
            model[put] = number;
            break;
        case 3: list_value_replace(list, place, text); model[at] = number; break;
        case 4: {
            size_t many = (size_t)random_below(&random, MIN((size_t)20, count - at + 1));
            list_value_remove_range(list, at, many);
            memmove(model + at, model + at + many, (count - at - many) * sizeof *model);
            count -= many;
            break;
        }
        default: {
            bool backwards = number & 2;
            struct list_place next = list_value_remove(list, place, backwards);
            memmove(model + at, model + at + 1, (--count - at) * sizeof *model);
            size_t expected = backwards ? at - 1 : at;
            CU_ASSERT_EQUAL_FATAL(next.chunk != NULL, expected < count);
            if (next.chunk) CU_ASSERT_TRUE_FATAL(list_place_is(next, text_of(room, model[expected])));
        }
        }
        if (step % 5 == 0) expect_same(list, model, count);
    }
    struct list_value *copy = list_value_copy(list);
    list_value_free(list);
    expect_same(copy, model, count);
    list_value_free(copy);
}
