#include "lib/unit.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/types/hash_value.h"

static const struct hash_key key = {1, 2};
static const struct hash_rules rules = {.max_entries = 16, .max_text_bytes = 20, .hash_key = &key};

static void release(struct value *hash) {
    hash_value_free(hash);
}

static struct slice name(char *text, uint64_t number) {
    return slice_make(text, number_print_uint(text, number));
}

static void fill(struct value *hash, uint64_t count) {
    char text[NUMBER_TEXT_SIZE];
    for (uint64_t i = 0; i < count; i++) CU_ASSERT_TRUE(hash_value_set(hash, &rules, name(text, i), SLICE("text")));
}

UNIT_TEST(hash_value, leaves_the_packed_form_when_it_is_too_large) {
    struct hash_room room;
    struct value hash = hash_value_new(&room);
    fill(&hash, 16);
    CU_ASSERT_EQUAL(hash.encoding, VALUE_SHORT);
    CU_ASSERT_FALSE(hash_value_set(&hash, &rules, SLICE("3"), SLICE("another")));
    CU_ASSERT_TRUE(hash_value_set(&hash, &rules, SLICE("one more"), SLICE("")));
    CU_ASSERT_EQUAL(hash.encoding, VALUE_HASHTABLE);
    CU_ASSERT_EQUAL(hash_value_count(&hash), 17);
    struct hash_item item;
    CU_ASSERT_TRUE(hash_value_find(&hash, HASH_SEE_ALL, SLICE("3"), &item));
    CU_ASSERT_TRUE(slice_is(item.text, "another"));
    release(&hash);

    hash = hash_value_new(&room);
    (void)hash_value_set(&hash, &rules, SLICE("f"), SLICE("12345678901234567890."));
    CU_ASSERT_EQUAL(hash.encoding, VALUE_HASHTABLE);
    release(&hash);
}

static void count_field(void *context, const struct hash_item *item) {
    size_t seen = (size_t)(uintptr_t)table_find(context, item->field);
    table_set(context, item->field, (void *)(uintptr_t)(seen + 1));
}

static void expect_each_once(struct table *seen, size_t count) {
    CU_ASSERT_EQUAL_FATAL(table_count(seen), count);
    struct table_walk walk = {0};
    while (table_next(seen, &walk)) CU_ASSERT_EQUAL_FATAL((uintptr_t)walk.value, 1);
    table_clear(seen, NULL);
}

UNIT_TEST(hash_value, walks_and_samples_give_each_field_once) {
    static const uint64_t sizes[] = {1, 16, 17, 1000};
    struct table *seen = table_new();
    struct random random;
    random_seed(&random, 5);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct hash_room room;
        struct value hash = hash_value_new(&room);
        fill(&hash, sizes[i]);
        hash_value_walk(&hash, HASH_SEE_ALL, count_field, seen);
        expect_each_once(seen, sizes[i]);
        for (size_t count = 0; count <= sizes[i]; count += 1 + sizes[i] / 5) {
            hash_value_sample(&hash, HASH_SEE_ALL, &random, count, count_field, seen);
            expect_each_once(seen, count);
        }
        for (int n = 0; n < 20000 && table_count(seen) < sizes[i]; n++) {
            struct hash_item item;
            CU_ASSERT_TRUE_FATAL(hash_value_random(&hash, HASH_SEE_ALL, &random, &item));
            count_field(seen, &item);
        }
        CU_ASSERT_EQUAL(table_count(seen), sizes[i]);
        table_clear(seen, NULL);
        if (hash.form == VALUE_TEXT)
            CU_ASSERT_EQUAL(hash.encoding, VALUE_SHORT)
        else
            CU_ASSERT_TRUE(value_object_memory(VALUE_HASH, hash.encoding, hash.object) >= sizes[i] * 4)
        release(&hash);
    }
    table_free(&seen, NULL);
}

enum { FIELDS = 2500, PACKED_FIELDS = 12, SOME_FIELDS = 60 };

struct field_model {
    bool     is_there;
    uint64_t text;
    int64_t  deadline_ms;
};

struct field_world {
    struct value       hash;
    struct hash_room   room;
    struct hash_rules  rules;
    struct field_model model[FIELDS];
    size_t             fields; /* that are used */
    struct random      random;
};

static bool is_live(const struct field_world *world, const struct field_model *model) {
    return model->is_there && (model->deadline_ms == HASH_NEVER || model->deadline_ms >= world->rules.now_ms);
}

static uint64_t number_of(struct slice text) {
    int64_t number = -1;
    CU_ASSERT_TRUE_FATAL(number_parse_int(text, &number));
    return (uint64_t)number;
}

static void check_live(void *context, const struct hash_item *item) {
    struct field_world       *world = context;
    const struct field_model *model = &world->model[number_of(item->field)];
    CU_ASSERT_TRUE_FATAL(is_live(world, model));
    CU_ASSERT_EQUAL_FATAL(number_of(item->text), model->text);
    CU_ASSERT_EQUAL_FATAL(item->deadline_ms, model->deadline_ms);
}

static void compare_fields(struct field_world *world) {
    size_t  live = 0, all = 0;
    int64_t earliest_ms = HASH_NEVER;
    for (size_t i = 0; i < world->fields; i++) {
        const struct field_model *model = &world->model[i];
        struct hash_item          item;
        char                      text[NUMBER_TEXT_SIZE];
        live += is_live(world, model);
        all += model->is_there;
        if (model->is_there && model->deadline_ms != HASH_NEVER && (earliest_ms == HASH_NEVER || model->deadline_ms < earliest_ms))
            earliest_ms = model->deadline_ms;
        CU_ASSERT_EQUAL_FATAL(hash_value_find(&world->hash, world->rules.now_ms, name(text, i), &item), is_live(world, model));
        if (is_live(world, model)) check_live(world, &item);
    }
    CU_ASSERT_EQUAL_FATAL(hash_value_count(&world->hash), all);
    CU_ASSERT_EQUAL_FATAL(hash_value_live_count(&world->hash, world->rules.now_ms), live);
    CU_ASSERT_EQUAL_FATAL(hash_value_has_deadlines(&world->hash), earliest_ms != HASH_NEVER);
    CU_ASSERT_TRUE_FATAL(hash_value_earliest_ms(&world->hash) <= earliest_ms);
    hash_value_walk(&world->hash, world->rules.now_ms, check_live, world);
    hash_value_sample(&world->hash, world->rules.now_ms, &world->random, live / 2, check_live, world);
    struct hash_item item;
    CU_ASSERT_EQUAL_FATAL(hash_value_random(&world->hash, world->rules.now_ms, &world->random, &item), live > 0);
    if (live) check_live(world, &item);
    if (world->hash.encoding == VALUE_LISTPACKEX && all)
        CU_ASSERT_TRUE_FATAL(hash_value_check_listpack(hash_value_listpack(&world->hash), true));
}

static void note_ended(void *context, const struct hash_item *item) {
    struct field_world *world = context;
    struct field_model *model = &world->model[number_of(item->field)];
    CU_ASSERT_TRUE_FATAL(model->is_there);
    CU_ASSERT_FALSE_FATAL(is_live(world, model));
    model->is_there = false;
}

static void edit_field(struct field_world *world) {
    char                text[NUMBER_TEXT_SIZE], number[NUMBER_TEXT_SIZE];
    size_t              at = random_below(&world->random, world->fields);
    struct field_model *model = &world->model[at];
    struct slice        field = name(text, at);
    int64_t             deadline_ms = world->rules.now_ms + (int64_t)random_below(&world->random, 5000) + 1;
    bool                live = is_live(world, model);
    switch (random_below(&world->random, 8)) {
    case 0:
        CU_ASSERT_EQUAL_FATAL(hash_value_remove(&world->hash, world->rules.now_ms, field), live);
        if (live) model->is_there = false;
        break;
    case 1:
    case 2:
        if (!live) break;
        if (random_below(&world->random, 4) == 0) deadline_ms = HASH_NEVER;
        hash_value_set_deadline(&world->hash, field, deadline_ms);
        model->deadline_ms = deadline_ms;
        break;
    case 3:
    case 4:
    default:
        if (deadline_ms != HASH_NEVER && random_below(&world->random, 3) == 0) deadline_ms = HASH_KEEP_TTL;
        uint64_t next = random_below(&world->random, 100000);
        CU_ASSERT_EQUAL_FATAL(hash_value_put(&world->hash, &world->rules, field, name(number, next), deadline_ms), !live);
        if (deadline_ms == HASH_KEEP_TTL) deadline_ms = live ? model->deadline_ms : HASH_NEVER;
        *model = (struct field_model){true, next, deadline_ms};
    }
}

UNIT_TEST(hash_value, agrees_with_an_array_while_fields_end) {
    struct field_world *world = mem_alloc(sizeof *world);
    random_seed(&world->random, 9);
    static const size_t fields[] = {PACKED_FIELDS, SOME_FIELDS, FIELDS};
    for (size_t round = 0; round < 9; round++) {
        memset(world->model, 0, sizeof world->model);
        world->hash = hash_value_new(&world->room);
        world->rules = rules;
        world->rules.now_ms = 1700000000000;
        world->fields = fields[round % COUNT_OF(fields)];
        for (unsigned step = 0; step < 60; step++) {
            for (size_t i = 0; i < world->fields; i++) edit_field(world);
            compare_fields(world);
            world->rules.now_ms += (int64_t)random_below(&world->random, step % 10 ? 300 : 4000);
            compare_fields(world);
            size_t max = 1 + random_below(&world->random, 600);
            CU_ASSERT_TRUE_FATAL(hash_value_expire(&world->hash, world->rules.now_ms, max, note_ended, world) <= max);
            compare_fields(world);
        }
        if (world->hash.form == VALUE_OBJECT) {
            struct value copy = world->hash;
            copy.object = value_copy_object(VALUE_HASH, world->hash.encoding, world->hash.object);
            release(&world->hash);
            world->hash = copy;
        }
        compare_fields(world);
        /* All that have a deadline end. */
        world->rules.now_ms += 10000;
        while (hash_value_expire(&world->hash, world->rules.now_ms, 50, note_ended, world)) continue;
        compare_fields(world);
        CU_ASSERT_FALSE(hash_value_has_deadlines(&world->hash));
        if (world->hash.form == VALUE_OBJECT)
            CU_ASSERT_TRUE(value_object_memory(VALUE_HASH, world->hash.encoding, world->hash.object) > 0)
        release(&world->hash);
    }
    mem_free(world);
}

UNIT_TEST(hash_value, the_first_deadline_changes_only_the_packed_form) {
    struct hash_room room;
    struct value hash = hash_value_new(&room);
    fill(&hash, 3);
    hash_value_set_deadline(&hash, SLICE("1"), 500);
    CU_ASSERT_EQUAL(hash.encoding, VALUE_LISTPACKEX);
    CU_ASSERT_EQUAL(hash_value_earliest_ms(&hash), 500);
    hash_value_set_deadline(&hash, SLICE("1"), HASH_NEVER);
    CU_ASSERT_EQUAL(hash.encoding, VALUE_LISTPACKEX);
    CU_ASSERT_EQUAL(hash_value_earliest_ms(&hash), HASH_NEVER);
    release(&hash);
    hash = hash_value_new(&room);
    fill(&hash, 30);
    hash_value_set_deadline(&hash, SLICE("1"), 500);
    CU_ASSERT_EQUAL(hash.encoding, VALUE_HASHTABLE);
    CU_ASSERT_EQUAL(hash_value_earliest_ms(&hash), 500);
    release(&hash);
}

static struct listpack *listpack_of(const char *const *texts) {
    struct listpack *listpack = listpack_new();
    for (; *texts; texts++) listpack_append(&listpack, slice_text(*texts));
    return listpack;
}

static bool is_good(bool has_deadlines, const char *const *texts) {
    struct listpack *listpack = listpack_of(texts);
    bool             good = hash_value_check_listpack(listpack, has_deadlines);
    mem_free(listpack);
    return good;
}

UNIT_TEST(hash_value, checks_what_comes_from_outside) {
    CU_ASSERT_TRUE(is_good(false, (const char *const[]){"a", "a", "b", "1", NULL}));
    CU_ASSERT_FALSE(is_good(false, (const char *const[]){NULL}));
    CU_ASSERT_FALSE(is_good(false, (const char *const[]){"a", "a", "b", NULL}));
    CU_ASSERT_FALSE(is_good(false, (const char *const[]){"a", "1", "b", "2", "a", "3", NULL}));
    CU_ASSERT_TRUE(is_good(true, (const char *const[]){"a", "1", "5", "b", "2", "5", "c", "3", "0", "d", "", "0", NULL}));
    CU_ASSERT_FALSE(is_good(true, (const char *const[]){"a", "1", "0", "b", "2", "5", NULL}));
    CU_ASSERT_FALSE(is_good(true, (const char *const[]){"a", "1", "7", "b", "2", "5", NULL}));
    CU_ASSERT_FALSE(is_good(true, (const char *const[]){"a", "1", "-7", NULL}));
    CU_ASSERT_FALSE(is_good(true, (const char *const[]){"a", "1", "x", NULL}));
    CU_ASSERT_FALSE(is_good(true, (const char *const[]){"a", "1", "5", "a", "2", "6", NULL}));
    /* So many that they are looked up instead of compared. */
    struct listpack *listpack = listpack_new();
    char             text[NUMBER_TEXT_SIZE];
    for (uint64_t i = 0; i < 100; i++) {
        listpack_append(&listpack, name(text, i));
        listpack_append(&listpack, SLICE("x"));
    }
    CU_ASSERT_TRUE(hash_value_check_listpack(listpack, false));
    listpack_append(&listpack, SLICE("57"));
    listpack_append(&listpack, SLICE("x"));
    CU_ASSERT_FALSE(hash_value_check_listpack(listpack, false));
    mem_free(listpack);
}

UNIT_TEST(hash_value, is_made_of_a_listpack) {
    struct hash_item item;
    struct hash_room room;
    struct listpack *listpack = listpack_of((const char *const[]){"a", "1", "5", "b", "2", "0", NULL});
    struct value     hash = hash_value_from_listpack(&listpack, true, &rules, &room);
    CU_ASSERT_PTR_NULL(listpack);
    CU_ASSERT_EQUAL(hash.encoding, VALUE_LISTPACKEX);
    CU_ASSERT_FALSE(hash_value_find(&hash, 6, SLICE("a"), &item));
    CU_ASSERT_TRUE(hash_value_find(&hash, 5, SLICE("a"), &item));
    CU_ASSERT_EQUAL(item.deadline_ms, 5);
    release(&hash);
    listpack = listpack_of((const char *const[]){"a", "1", "5", "b", "a text that is too long", "0", NULL});
    hash = hash_value_from_listpack(&listpack, true, &rules, &room);
    CU_ASSERT_EQUAL(hash.encoding, VALUE_HASHTABLE);
    CU_ASSERT_EQUAL(hash_value_earliest_ms(&hash), 5);
    CU_ASSERT_TRUE(hash_value_find(&hash, 6, SLICE("b"), &item));
    CU_ASSERT_EQUAL(item.deadline_ms, HASH_NEVER);
    release(&hash);
}

/* Fields and texts of sizes around each boundary of the short form, until it is left. */
UNIT_TEST(hash_value, a_short_hash_becomes_a_listpack_and_back) {
    struct hash_rules wide = {.max_entries = 1000, .max_text_bytes = 1000, .hash_key = &key};
    struct hash_room  room, other_room;
    struct hash_item  item, other;
    char              text[300];
    struct value      hash = hash_value_new(&room);
    memset(text, 'x', sizeof text);
    for (size_t size = 1; hash.encoding == VALUE_SHORT; size += 3)
        CU_ASSERT_TRUE_FATAL(hash_value_set(&hash, &wide, slice_make(text, size), slice_make(text, 2 * size % 64)));
    CU_ASSERT_EQUAL(hash.encoding, VALUE_LISTPACK);
    while (hash_value_count(&hash) > 5) {
        CU_ASSERT_TRUE_FATAL(hash_value_random(&hash, HASH_SEE_ALL, &(struct random){{1, 2, 3, 4}}, &item));
        CU_ASSERT_TRUE_FATAL(hash_value_remove(&hash, HASH_SEE_ALL, slice_make(text, item.field.size)));
    }
    struct listpack *listpack = listpack_copy(hash_value_listpack(&hash));
    struct value     again = hash_value_from_listpack(&listpack, false, &wide, &other_room);
    CU_ASSERT_EQUAL(again.encoding, VALUE_SHORT);
    CU_ASSERT_EQUAL(hash_value_count(&again), 5);
    for (size_t size = 0; size < sizeof text; size++) {
        bool is_there = hash_value_find(&hash, HASH_SEE_ALL, slice_make(text, size), &item);
        CU_ASSERT_EQUAL_FATAL(hash_value_find(&again, HASH_SEE_ALL, slice_make(text, size), &other), is_there);
        if (is_there) CU_ASSERT_TRUE(slice_equal(item.text, other.text));
    }
    release(&hash);
    release(&again);
}
