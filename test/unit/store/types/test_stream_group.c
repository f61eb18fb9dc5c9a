#include "lib/unit.h"
#include "base/random.h"
#include "store/types/stream_group.h"

static struct entry_id id_of(uint64_t number) {
    return (struct entry_id){number, 0};
}

UNIT_TEST(stream_group, names_are_sorted_and_unique) {
    struct stream *stream = stream_new();
    static const char *const names[] = {"b", "a", "", "ab", "c", "B"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        CU_ASSERT_PTR_NOT_NULL_FATAL(stream_group_add(stream, slice_text(names[i]), ENTRY_ID_ZERO, 0));
    CU_ASSERT_PTR_NULL(stream_group_add(stream, SLICE("ab"), ENTRY_ID_ZERO, 0));
    static const char *const sorted[] = {"", "B", "a", "ab", "b", "c"};
    for (size_t i = 0; i < COUNT_OF(sorted); i++) CU_ASSERT_TRUE(slice_is(stream->groups[i]->name, sorted[i]));
    stream_group_remove(stream, stream_group_find(stream, SLICE("a")));
    CU_ASSERT_PTR_NULL(stream_group_find(stream, SLICE("a")));
    CU_ASSERT_EQUAL(stream->group_count, 5);
    stream_free(stream);
}

/* G1, and that all belong to whom the model says. */
static void expect_owners(const struct stream_group *group, const int *owner, size_t count) {
    size_t pending = 0;
    for (size_t i = 0; i < count; i++) {
        const struct stream_nack *nack = stream_group_find_nack(group, id_of(i + 1));
        CU_ASSERT_EQUAL_FATAL(nack != NULL, owner[i] >= 0);
        if (!nack) continue;
        pending++;
        char name = (char)('a' + owner[i]);
        CU_ASSERT_TRUE_FATAL(slice_equal(nack->consumer->name, slice_make(&name, 1)));
        CU_ASSERT_PTR_EQUAL_FATAL(stream_index_find(&nack->consumer->pending, id_of(i + 1)), nack);
    }
    CU_ASSERT_EQUAL_FATAL(stream_index_count(&group->pending), pending);
    for (uint32_t i = 0; i < group->consumer_count; i++) pending -= stream_index_count(&group->consumers[i]->pending);
    CU_ASSERT_EQUAL_FATAL(pending, 0);
}

UNIT_TEST(stream_group, pending_entries_have_one_owner) {
    enum { IDS = 300, CONSUMERS = 4 };
    int owner[IDS];
    struct stream *stream = stream_new();
    struct stream_group *group = stream_group_add(stream, SLICE("g"), ENTRY_ID_ZERO, 0);
    struct random random;
    random_seed(&random, 5);
    for (int i = 0; i < IDS; i++) owner[i] = -1;
    for (int step = 0; step < 5000; step++) {
        size_t at = (size_t)random_below(&random, IDS);
        int who = (int)random_below(&random, CONSUMERS);
        char name = (char)('a' + who);
        struct stream_consumer *consumer = stream_group_find_consumer(group, slice_make(&name, 1));
        if (!consumer) consumer = stream_group_add_consumer(group, slice_make(&name, 1), 1);
        switch (random_below(&random, 50) ? random_below(&random, 3) : 3) {
        case 0:
            CU_ASSERT_EQUAL(stream_group_deliver(group, consumer, id_of(at + 1), step)->deliveries, 1);
            owner[at] = who;
            break;
        case 1:
            if (owner[at] < 0) break;
            stream_group_claim(stream_group_find_nack(group, id_of(at + 1)), id_of(at + 1), consumer);
            owner[at] = who;
            break;
        case 2:
            CU_ASSERT_EQUAL_FATAL(stream_group_acknowledge(group, id_of(at + 1)), owner[at] >= 0);
            owner[at] = -1;
            break;
        case 3:
            stream_group_remove_consumer(group, consumer);
            for (int i = 0; i < IDS; i++)
                if (owner[i] == who) owner[i] = -1;
            break;
        }
        if (step % 50 == 0) expect_owners(group, owner, IDS);
    }
    struct stream *copy = stream_copy(stream);
    stream_free(stream);
    expect_owners(stream_group_find(copy, SLICE("g")), owner, IDS);
    stream_free(copy);
}

UNIT_TEST(stream_group, files_that_contradict_themselves) {
    struct stream *stream = stream_new();
    struct stream_group *group = stream_group_add(stream, SLICE("g"), ENTRY_ID_ZERO, 0);
    CU_ASSERT_TRUE(stream_group_load_nack(group, id_of(1), 10, 2));
    CU_ASSERT_TRUE(stream_group_load_nack(group, id_of(2), 10, 2));
    CU_ASSERT_FALSE(stream_group_load_nack(group, id_of(1), 10, 2));
    struct stream_consumer *a = stream_group_add_consumer(group, SLICE("a"), 1), *b = stream_group_add_consumer(group, SLICE("b"), 1);
    CU_ASSERT_TRUE(stream_group_load_owner(group, a, id_of(1)));
    CU_ASSERT_FALSE(stream_group_load_owner(group, a, id_of(1)));
    CU_ASSERT_FALSE(stream_group_load_owner(group, b, id_of(1)));
    CU_ASSERT_FALSE(stream_group_load_owner(group, b, id_of(3)));
    CU_ASSERT_FALSE(stream_group_load_end(group)); /* 2 is nobody's */
    CU_ASSERT_TRUE(stream_group_load_owner(group, b, id_of(2)));
    CU_ASSERT_TRUE(stream_group_load_end(group));
    stream_free(stream);
}

UNIT_TEST(stream_group, lag) {
    struct stream *stream = stream_new();
    struct stream_limits limits = {4096, 100};
    int64_t lag;
    for (uint64_t i = 1; i <= 10; i++) stream_add(stream, id_of(i), (const struct slice[]){SLICE("f"), SLICE("v")}, 1, &limits);
    struct stream_group *group = stream_group_add(stream, SLICE("g"), ENTRY_ID_ZERO, STREAM_UNKNOWN);
    CU_ASSERT_TRUE(stream_group_lag(stream, group, &lag));
    CU_ASSERT_EQUAL(lag, 10);
    CU_ASSERT_TRUE(stream_group_advance(stream, group, id_of(1)));
    CU_ASSERT_EQUAL(group->entries_read, 1);
    CU_ASSERT_TRUE(stream_group_advance(stream, group, id_of(2)));
    CU_ASSERT_EQUAL(group->entries_read, 2);
    CU_ASSERT_FALSE(stream_group_advance(stream, group, id_of(2)));
    CU_ASSERT_TRUE(stream_remove(stream, id_of(7)));
    CU_ASSERT_FALSE(stream_group_lag(stream, group, &lag)); /* whether it counts 7 is not known */
    for (uint64_t i = 3; i <= 10; i++)
        if (i != 7) CU_ASSERT_TRUE(stream_group_advance(stream, group, id_of(i)));
    CU_ASSERT_EQUAL(group->entries_read, 10); /* the last one tells */
    CU_ASSERT_TRUE(stream_group_lag(stream, group, &lag));
    CU_ASSERT_EQUAL(lag, 0);
    stream_free(stream);
}
