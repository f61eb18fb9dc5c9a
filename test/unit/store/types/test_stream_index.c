#include "lib/unit.h"
#include "base/random.h"
#include "store/types/stream_index.h"

enum { MOST = 1500 };

struct model {
    struct entry_id ids[MOST];
    size_t          count;
};

static char values[4096];

static void *value_of(struct entry_id id) {
    return values + id.ms * 4 % sizeof values + id.seq % 4;
}

static struct entry_id random_id(struct random *random) {
    return (struct entry_id){random_below(random, 2000), random_below(random, 3)};
}

/* The first that is not smaller. */
static size_t position(const struct model *model, struct entry_id id) {
    size_t at = 0;
    while (at < model->count && entry_id_compare(model->ids[at], id) < 0) at++;
    return at;
}

static bool has(const struct model *model, struct entry_id id) {
    size_t at = position(model, id);
    return at < model->count && entry_id_compare(model->ids[at], id) == 0;
}

static void put(struct model *model, struct stream_index *index, struct entry_id id) {
    bool is_there = has(model, id);
    if (!is_there && model->count == MOST) return;
    CU_ASSERT_PTR_EQUAL_FATAL(stream_index_add(index, id, value_of(id)), is_there ? value_of(id) : NULL);
    if (is_there) return;
    size_t at = position(model, id);
    memmove(model->ids + at + 1, model->ids + at, (model->count++ - at) * sizeof id);
    model->ids[at] = id;
}

static void drop(struct model *model, struct stream_index *index, struct entry_id id) {
    bool is_there = has(model, id);
    CU_ASSERT_PTR_EQUAL_FATAL(stream_index_remove(index, id), is_there ? value_of(id) : NULL);
    if (!is_there) return;
    size_t at = position(model, id);
    memmove(model->ids + at, model->ids + at + 1, (--model->count - at) * sizeof id);
}

static void expect_same(const struct model *model, const struct stream_index *index, struct random *random) {
    CU_ASSERT_EQUAL_FATAL(stream_index_count(index), model->count);
    struct index_place forwards = stream_index_first(index), backwards = stream_index_last(index);
    const struct index_item *item;
    for (size_t i = 0; i < model->count; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(item = stream_index_at(index, forwards));
        CU_ASSERT_EQUAL_FATAL(entry_id_compare(item->id, model->ids[i]), 0);
        CU_ASSERT_PTR_EQUAL_FATAL(item->value, value_of(item->id));
        CU_ASSERT_PTR_NOT_NULL_FATAL(item = stream_index_at(index, backwards));
        CU_ASSERT_EQUAL_FATAL(entry_id_compare(item->id, model->ids[model->count - 1 - i]), 0);
        forwards = stream_index_next(index, forwards);
        backwards = stream_index_previous(index, backwards);
    }
    CU_ASSERT_PTR_NULL_FATAL(stream_index_at(index, forwards));
    CU_ASSERT_PTR_NULL_FATAL(stream_index_at(index, backwards));
    struct entry_id id = random_id(random);
    size_t at = position(model, id);
    item = stream_index_at(index, stream_index_from(index, id));
    CU_ASSERT_EQUAL_FATAL(item != NULL, at < model->count);
    if (item) CU_ASSERT_EQUAL_FATAL(entry_id_compare(item->id, model->ids[at]), 0);
    if (!has(model, id)) at--;
    item = stream_index_at(index, stream_index_up_to(index, id));
    CU_ASSERT_EQUAL_FATAL(item != NULL, at < model->count);
    if (item) CU_ASSERT_EQUAL_FATAL(entry_id_compare(item->id, model->ids[at]), 0);
    CU_ASSERT_PTR_EQUAL_FATAL(stream_index_find(index, id), has(model, id) ? value_of(id) : NULL);
}

UNIT_TEST(stream_index, agrees_with_a_sorted_array) {
    static struct model model;
    struct stream_index index = {0};
    struct random random;
    random_seed(&random, 11);
    model.count = 0;
    uint64_t end = 2000;
    for (int step = 0; step < 20000; step++) {
        bool grows = step / 4000 % 2 == 0;
        switch (random_below(&random, 4)) {
        case 0: put(&model, &index, random_id(&random)); break;
        case 1: put(&model, &index, (struct entry_id){end++, 0}); break; /* at the end */
        case 2: drop(&model, &index, random_id(&random)); break;
        case 3:
            if (model.count && !grows) drop(&model, &index, model.ids[random_below(&random, 2) ? 0 : random_below(&random, model.count)]);
            break;
        }
        if (step % 40 == 0) expect_same(&model, &index, &random);
    }
    while (model.count) drop(&model, &index, model.ids[random_below(&random, model.count)]);
    expect_same(&model, &index, &random);
    CU_ASSERT_PTR_NULL(index.leaves);
    stream_index_clear(&index, NULL);
}

UNIT_TEST(stream_index, a_queue_takes_the_room_of_what_is_in_it) {
    struct stream_index index = {0};
    for (uint64_t i = 1; i <= 100000; i++) {
        stream_index_add(&index, (struct entry_id){i, 0}, values);
        if (i > 500) CU_ASSERT_PTR_EQUAL(stream_index_remove(&index, (struct entry_id){i - 500, 0}), values);
    }
    CU_ASSERT_EQUAL(stream_index_count(&index), 500);
    CU_ASSERT_TRUE(stream_index_memory(&index) < 500 * 24 + 3 * 2048);
    stream_index_clear(&index, NULL);
}

UNIT_TEST(stream_index, what_is_sparse_is_joined) {
    struct stream_index index = {0};
    for (uint64_t i = 0; i < 85 * 100; i++) stream_index_add(&index, (struct entry_id){i, 0}, values);
    CU_ASSERT_EQUAL(stream_index_leaves(&index), 100);
    for (uint64_t i = 0; i < 85 * 100; i++)
        if (i % 20) stream_index_remove(&index, (struct entry_id){i, 0});
    CU_ASSERT_EQUAL(stream_index_count(&index), 425);
    CU_ASSERT_TRUE(stream_index_leaves(&index) <= 22);
    stream_index_clear(&index, NULL);
}
