#include "lib/unit.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/types/zset_tree.h"

#include <stdio.h>

/* The model: an array in order, by insertion. */
struct model {
    struct record **members;
    size_t          count;
};

static int compare(const struct record *a, const struct record *b) {
    double one = member_score(a), other = member_score(b);
    return one < other ? -1 : one > other ? 1 : slice_compare(member_text(a), member_text(b));
}

static void model_add(struct model *model, struct record *member) {
    size_t at = model->count++;
    for (; at && compare(model->members[at - 1], member) > 0; at--) model->members[at] = model->members[at - 1];
    model->members[at] = member;
}

static void model_drop(struct model *model, size_t at, size_t count) {
    memmove(&model->members[at], &model->members[at + count], (model->count - at - count) * sizeof *model->members);
    model->count -= count;
}

static size_t model_rank(const struct model *model, const struct zset_bound *bound) {
    size_t rank = 0;
    while (rank < model->count &&
           zset_bound_is_after(bound, member_score(model->members[rank]), member_text(model->members[rank])))
        rank++;
    return rank;
}

static void expect_same(const struct zset_tree *tree, const struct model *model) {
    CU_ASSERT_EQUAL_FATAL(zset_tree_count(tree), model->count);
    zset_tree_check(tree);
    if (!model->count) return;
    struct zset_place place = zset_tree_at(tree, 0);
    for (size_t i = 0; i < model->count; i++, place = zset_place_next(place))
        CU_ASSERT_PTR_EQUAL_FATAL(zset_place_member(place), model->members[i]);
    CU_ASSERT_PTR_NULL(place.leaf);
    place = zset_tree_at(tree, model->count - 1);
    for (size_t i = model->count; i-- > 0; place = zset_place_previous(place))
        CU_ASSERT_PTR_EQUAL_FATAL(zset_place_member(place), model->members[i]);
    CU_ASSERT_PTR_NULL(place.leaf);
}

/* How scores and texts are drawn: many or few different scores, texts with long common beginnings, ascending or not. */
struct kind {
    unsigned    scores;
    const char *format;
    unsigned    texts;
    bool        ascends;
};
static const struct kind kinds[] = {
    {100000, "m%u", 100000, false}, {1, "element:%012u", 20000, false}, {3, "%u", 5000, false},
    {1, "%u", 300, false},          {50000, "user:%u:x", 5000, true},   {40, "a long common beginning %u", 5000, true},
};

static struct record *draw(const struct kind *kind, struct random *random, unsigned serial) {
    char   text[64];
    double score = (double)random_below(random, kind->scores) - 1;
    if (kind->ascends) score = serial / 10 % kind->scores;
    int size = snprintf(text, sizeof text, kind->format, (unsigned)random_below(random, kind->texts));
    return member_new(slice_make(text, (size_t)size), score);
}

static bool is_there(const struct model *model, const struct record *member) {
    for (size_t i = 0; i < model->count; i++)
        if (slice_equal(member_text(model->members[i]), member_text(member))) return true;
    return false;
}

static void expect_rank(const struct zset_tree *tree, const struct model *model, const struct record *member, bool by_text) {
    enum zset_cut all[] = {ZSET_BEFORE_SCORE, ZSET_AFTER_SCORE, ZSET_BEFORE_MEMBER, ZSET_AT_BEGIN, ZSET_AT_END,
                           ZSET_BEFORE_TEXT,  ZSET_AFTER_TEXT};
    for (size_t i = 0; i < COUNT_OF(all) - (by_text ? 0 : 2); i++) {
        struct zset_bound bound = {all[i], member_score(member), member_text(member)};
        CU_ASSERT_EQUAL_FATAL(zset_tree_rank(tree, &bound), model_rank(model, &bound));
    }
}

static void remove_some(struct zset_tree *tree, struct model *model, struct random *random) {
    size_t         at = random_below(random, model->count), most = random_below(random, 100) + 1;
    struct record *run[ZSET_RUN_MAX];
    size_t         count = zset_tree_remove_run(tree, at, most, run);
    CU_ASSERT_TRUE_FATAL(count > 0 && count <= most);
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT_PTR_EQUAL_FATAL(run[i], model->members[at + i]);
        record_free(run[i]);
    }
    model_drop(model, at, count);
}

static void step(const struct kind *kind, struct zset_tree *tree, struct model *model, struct random *random, unsigned serial,
                 bool shrinks) {
    struct record *member = draw(kind, random, serial);
    unsigned       what = (unsigned)random_below(random, 20);
    if (what == 0) expect_rank(tree, model, member, kind->scores == 1);
    if (what < (shrinks ? 5u : 14u) && !is_there(model, member)) {
        zset_tree_add(tree, member);
        model_add(model, member);
        return;
    }
    if (model->count) {
        size_t         at = random_below(random, model->count);
        struct record *old = model->members[at];
        if (what == 19) {
            remove_some(tree, model, random);
        } else if (what < 17 && !shrinks) { /* near its old score, or anywhere */
            double score = what % 2 || kind->scores == 1 ? member_score(member) : member_score(old) + 1;
            model_drop(model, at, 1);
            zset_tree_set_score(tree, old, score);
            model_add(model, old);
        } else {
            zset_tree_remove(tree, old);
            model_drop(model, at, 1);
            record_free(old);
        }
    }
    record_free(member);
}

UNIT_TEST(zset_tree, agrees_with_an_array) {
    struct random random;
    random_seed(&random, 20);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct zset_tree *tree = zset_tree_new();
        struct model      model = {mem_alloc(50000 * sizeof *model.members), 0};
        for (unsigned n = 0; n < 20000; n++) {
            step(&kinds[i], tree, &model, &random, n, n % 6000 > 4000);
            if (n % 501 == 0) expect_same(tree, &model);
        }
        expect_same(tree, &model);
        while (model.count) remove_some(tree, &model, &random);
        expect_same(tree, &model);
        zset_tree_free(&tree);
        mem_free(model.members);
    }
}

static double bytes_each(size_t count, bool ascends, bool same_score) {
    struct zset_tree *tree = zset_tree_new();
    struct record   **members = mem_alloc(count * sizeof *members);
    struct random     random;
    random_seed(&random, 3);
    for (size_t i = 0; i < count; i++) {
        char   text[32];
        size_t number = ascends ? i : random_below(&random, 1u << 30) * 64 + i % 64;
        int    size = snprintf(text, sizeof text, "m%015zu", number);
        members[i] = member_new(slice_make(text, (size_t)size), same_score ? 0 : (double)number);
        zset_tree_add(tree, members[i]);
    }
    double each = (double)zset_tree_memory(tree) / (double)count;
    zset_tree_check(tree);
    for (size_t i = 0; i < count; i++) record_free(members[i]);
    zset_tree_free(&tree);
    mem_free(members);
    return each;
}

UNIT_TEST(zset_tree, nodes_are_filled_well) {
    CU_ASSERT_TRUE(bytes_each(100000, true, false) < 18);
    CU_ASSERT_TRUE(bytes_each(100000, true, true) < 18);
    CU_ASSERT_TRUE(bytes_each(100000, false, false) < 23);
    CU_ASSERT_TRUE(bytes_each(100000, false, true) < 23);
}

UNIT_TEST(zset_tree, keys_of_texts_respect_short_ones_and_zeros) {
    static const char *const texts[] = {"", "\0", "a", "a\0", "a\0b", "aaaaaaaa", "aaaaaaaa\0", "aaaaaaaab", "b", "\xff", "\xff\xff"};
    static const size_t      sizes[] = {0, 1, 1, 2, 3, 8, 9, 9, 1, 1, 2};
    struct zset_tree        *tree = zset_tree_new();
    struct record           *members[COUNT_OF(texts)];
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        size_t at = i * 7 % COUNT_OF(texts);
        members[at] = member_new(slice_make(texts[at], sizes[at]), 5);
        zset_tree_add(tree, members[at]);
    }
    zset_tree_check(tree);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct zset_bound before = {ZSET_BEFORE_TEXT, 0, slice_make(texts[i], sizes[i])}, after = before;
        after.cut = ZSET_AFTER_TEXT;
        CU_ASSERT_EQUAL(zset_tree_rank(tree, &before), i);
        CU_ASSERT_EQUAL(zset_tree_rank(tree, &after), i + 1);
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        zset_tree_remove(tree, members[i]);
        record_free(members[i]);
    }
    zset_tree_free(&tree);
}
