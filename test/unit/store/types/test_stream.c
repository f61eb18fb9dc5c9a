#include "lib/unit.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/types/stream_group.h"

enum { MOST = 600 };

struct model {
    struct entry_id ids[MOST];
    size_t          count;
};

static void expect_same(const struct stream *stream, const struct model *model, struct random *random) {
    struct stream_walk walk;
    size_t low = model->count ? (size_t)random_below(random, model->count) : 0, high = low;
    if (model->count) high += (size_t)random_below(random, model->count - low);
    CU_ASSERT_EQUAL_FATAL(stream->length, model->count);
    CU_ASSERT_EQUAL_FATAL(entry_id_compare(stream->first_id, model->count ? model->ids[0] : ENTRY_ID_ZERO), 0);
    stream_walk_start(&walk, stream, ENTRY_ID_ZERO, ENTRY_ID_MAX, false);
    for (size_t i = 0; i < model->count; i++) {
        CU_ASSERT_TRUE_FATAL(stream_walk_next(&walk));
        CU_ASSERT_EQUAL_FATAL(entry_id_compare(walk.entry.id, model->ids[i]), 0);
    }
    CU_ASSERT_FALSE_FATAL(stream_walk_next(&walk));
    if (!model->count) return;
    stream_walk_start(&walk, stream, model->ids[low], model->ids[high], true);
    for (size_t i = high + 1; i-- > low;) {
        CU_ASSERT_TRUE_FATAL(stream_walk_next(&walk));
        CU_ASSERT_EQUAL_FATAL(entry_id_compare(walk.entry.id, model->ids[i]), 0);
    }
    CU_ASSERT_FALSE_FATAL(stream_walk_next(&walk));
    CU_ASSERT_EQUAL_FATAL(entry_id_compare(stream_last_valid(stream), model->ids[model->count - 1]), 0);
}

static void remove_at(struct model *model, size_t at, size_t count) {
    memmove(model->ids + at, model->ids + at + count, (model->count - at - count) * sizeof *model->ids);
    model->count -= count;
}

/* Approximate: what is left is at least what may be. */
static void trim(struct stream *stream, struct model *model, struct random *random) {
    struct stream_trim how = {.by = random_below(random, 2) ? STREAM_MAX_LENGTH : STREAM_MIN_ID,
                              .is_approximate = random_below(random, 2) == 0};
    size_t keep = (size_t)random_below(random, model->count + 1);
    how.max_length = keep;
    how.min_id = keep ? model->ids[model->count - keep] : ENTRY_ID_MAX;
    if (how.is_approximate) how.limit = random_below(random, 60);
    uint64_t removed = stream_trim(stream, &how);
    CU_ASSERT_TRUE_FATAL(how.is_approximate ? removed <= model->count - keep : removed == model->count - keep);
    if (how.limit) CU_ASSERT_TRUE_FATAL(removed <= how.limit);
    remove_at(model, 0, (size_t)removed);
}

static void run(uint64_t seed, struct stream_limits limits) {
    static struct model model;
    struct random random;
    random_seed(&random, seed);
    struct stream *stream = stream_new();
    model.count = 0;
    for (int step = 0; step < 4000; step++) {
        uint64_t dice = random_below(&random, 100);
        struct entry_id id = {stream->last_id.ms + random_below(&random, 3), stream->last_id.seq + 1};
        struct slice pairs[] = {SLICE("name"), SLICE("a value"), random_below(&random, 4) ? SLICE("same") : SLICE("other"), SLICE("17")};
        if (dice < 80 && model.count < MOST) {
            stream_add(stream, id, pairs, 2, &limits);
            model.ids[model.count++] = id;
        } else if (dice < 98 && model.count) {
            size_t at = (size_t)random_below(&random, model.count);
            CU_ASSERT_TRUE_FATAL(stream_remove(stream, model.ids[at]));
            CU_ASSERT_FALSE_FATAL(stream_has(stream, model.ids[at]));
            remove_at(&model, at, 1);
        } else {
            trim(stream, &model, &random);
        }
        if (step % 10 == 0) expect_same(stream, &model, &random);
    }
    struct stream *copy = stream_copy(stream);
    expect_same(copy, &model, &random);
    stream_free(stream);
    stream_free(copy);
}

UNIT_TEST(stream, agrees_with_an_array_of_ids) {
    run(1, (struct stream_limits){4096, 100});
    run(2, (struct stream_limits){0, 3});
    run(3, (struct stream_limits){120, 0});
    run(4, (struct stream_limits){0, 0});
}

/* Reads back what could be in a file. */
static struct stream *reload(const struct stream *stream) {
    struct stream *other = stream_new();
    const struct index_item *item;
    for (struct index_place place = stream_index_first(&stream->nodes); (item = stream_index_at(&stream->nodes, place));
         place = stream_index_next(&stream->nodes, place))
        CU_ASSERT_TRUE_FATAL(stream_load_node(other, item->id, listpack_bytes(item->value)));
    struct stream_counts counts = {stream->last_id, true, stream->max_deleted_id, stream->entries_added};
    CU_ASSERT_TRUE_FATAL(stream_load_counts(other, &counts));
    return other;
}

static struct stream *make(uint64_t count) {
    struct stream *stream = stream_new();
    struct stream_limits limits = {4096, 10};
    for (uint64_t i = 1; i <= count; i++)
        stream_add(stream, (struct entry_id){i, 0}, (const struct slice[]){SLICE("f"), SLICE("v")}, 1, &limits);
    return stream;
}

UNIT_TEST(stream, is_the_same_after_loading) {
    struct stream *stream = make(95);
    CU_ASSERT_TRUE(stream_remove(stream, (struct entry_id){1, 0}) && stream_remove(stream, (struct entry_id){50, 0}));
    struct stream *other = reload(stream);
    CU_ASSERT_EQUAL(other->length, 93);
    CU_ASSERT_EQUAL(other->entries_added, 95);
    CU_ASSERT_EQUAL(other->first_id.ms, 2);
    CU_ASSERT_EQUAL(other->last_id.ms, 95);
    CU_ASSERT_EQUAL(other->max_deleted_id.ms, 50);
    stream_free(stream);
    stream_free(other);
}

UNIT_TEST(stream, nodes_out_of_order_are_refused) {
    struct stream *stream = make(20), *other = stream_new();
    const struct index_item *first = stream_index_at(&stream->nodes, stream_index_first(&stream->nodes));
    const struct index_item *second = stream_index_at(&stream->nodes, stream_index_last(&stream->nodes));
    CU_ASSERT_TRUE(stream_load_node(other, second->id, listpack_bytes(second->value)));
    CU_ASSERT_FALSE(stream_load_node(other, second->id, listpack_bytes(second->value)));
    CU_ASSERT_FALSE(stream_load_node(other, first->id, listpack_bytes(first->value)));
    CU_ASSERT_FALSE(stream_load_node(other, (struct entry_id){15, 0}, listpack_bytes(first->value))); /* overlaps */
    struct stream_counts counts = {.last_id = {19, 0}, .is_complete = true};
    CU_ASSERT_FALSE(stream_load_counts(other, &counts)); /* there is 20-0 */
    stream_free(stream);
    stream_free(other);
}

UNIT_TEST(stream, how_far_a_reader_is) {
    struct stream *stream = make(30);
    CU_ASSERT_EQUAL(stream_distance(stream, (struct entry_id){30, 0}), 30);
    CU_ASSERT_EQUAL(stream_distance(stream, (struct entry_id){0, 5}), 0);
    CU_ASSERT_EQUAL(stream_distance(stream, (struct entry_id){1, 0}), 1);
    CU_ASSERT_EQUAL(stream_distance(stream, (struct entry_id){7, 0}), STREAM_UNKNOWN);
    CU_ASSERT_EQUAL(stream_distance(stream, (struct entry_id){31, 0}), STREAM_UNKNOWN);
    CU_ASSERT_FALSE(stream_has_gap(stream, ENTRY_ID_ZERO));
    CU_ASSERT_TRUE(stream_remove(stream, (struct entry_id){20, 0}));
    CU_ASSERT_TRUE(stream_has_gap(stream, (struct entry_id){20, 0}));
    CU_ASSERT_FALSE(stream_has_gap(stream, (struct entry_id){20, 1}));
    CU_ASSERT_EQUAL(stream_distance(stream, (struct entry_id){1, 0}), STREAM_UNKNOWN);
    stream_free(stream);
}

UNIT_TEST(stream, short_ones_are_small_and_long_ones_take_time_to_free) {
    struct stream *stream = make(1);
    CU_ASSERT_TRUE(stream_memory(stream) < 300);
    CU_ASSERT_EQUAL(stream_effort(stream), 1);
    stream_free(stream);
    stream = make(10000);
    CU_ASSERT_EQUAL(stream_effort(stream), 1000);
    CU_ASSERT_TRUE(stream_memory(stream) < 10000 * 20);
    CU_ASSERT_TRUE(stream_memory(stream) > 10000 * 10);
    stream_free(stream);
}
