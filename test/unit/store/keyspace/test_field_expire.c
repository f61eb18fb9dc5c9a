#include "lib/unit.h"
#include "base/mem.h"
#include "store/keyspace/expire.h"
#include "store/keyspace/field_expire.h"
#include "store/keyspace/lazy_free.h"
#include "store/types/hash_value.h"

struct world {
    struct keyspace_shared shared;
    struct keyspace        keyspace;
    struct hash_rules      rules;
    int64_t                wall_ms;
    uint32_t               clock;
    struct bytes           told; /* events and fields */
    size_t                 fields;
};

static void on_event(void *context, struct keyspace *keyspace, struct slice key, enum keyspace_class class,
                     const char *event) {
    if (class != KEYSPACE_NEW)
        bytes_add_printf(&((struct world *)context)->told, "%.*s:%s ", (int)key.size, key.data, event);
}

static void on_field(void *context, struct keyspace *keyspace, struct slice key, struct slice field) {
    struct world *world = context;
    world->fields++;
    if (key.size < 4) bytes_add_printf(&world->told, "%.*s.%.*s ", (int)key.size, key.data, (int)field.size, field.data);
}

static void world_init(struct world *world) {
    *world = (struct world){.wall_ms = 1700000000000};
    world->shared = (struct keyspace_shared){.hash_key = {3, 4}, .wall_ms = &world->wall_ms, .clock = &world->clock,
                                             .lazy_free = lazy_free_new()};
    world->shared.hooks = (struct keyspace_hooks){.context = world, .removal_context = world, .event = on_event, .field_expired = on_field};
    world->rules = (struct hash_rules){.max_entries = 512, .max_text_bytes = 64, .hash_key = &world->shared.hash_key};
    keyspace_init(&world->keyspace, &world->shared, 0);
}

static void world_fini(struct world *world) {
    keyspace_fini(&world->keyspace);
    lazy_free_free(&world->shared.lazy_free);
    bytes_fini(&world->told);
}

/* Sets a field that ends `after_ms` from now (HASH_NEVER: does not). */
static void set(struct world *world, const char *key, struct slice field, int64_t after_ms) {
    struct spot      spot;
    struct hash_room room;
    struct value     hash = hash_value_new(&room);
    if (keyspace_open(&world->keyspace, slice_text(key), &spot)) {
        hash = record_value(spot.record);
        hash = hash_value_open(&hash, &room);
    }
    world->rules.now_ms = world->wall_ms;
    hash_value_put(&hash, &world->rules, field, SLICE("text"), after_ms == HASH_NEVER ? HASH_NEVER : world->wall_ms + after_ms);
    if (spot.record)
        keyspace_update(&world->keyspace, &spot, &hash);
    else
        keyspace_put(&world->keyspace, slice_text(key), &spot, &hash, RECORD_NEVER);
    field_expire_file(&world->keyspace, spot.record, spot.hash, false);
}

static void expect_told(struct world *world, const char *expected) {
    EXPECT_TEXT(bytes_text(&world->told), expected);
    bytes_clear(&world->told);
}

static void pass(struct world *world, int64_t ms) {
    world->wall_ms += ms;
    CU_ASSERT_FALSE(field_expire_some(&world->keyspace, INT64_MAX));
}

UNIT_TEST(field_expire, ends_fields_within_a_tick_and_the_key_with_the_last) {
    struct world world;
    world_init(&world);
    set(&world, "h", SLICE("a"), 1000);
    set(&world, "h", SLICE("b"), 3000);
    set(&world, "g", SLICE("c"), 1000);
    set(&world, "g", SLICE("d"), HASH_NEVER);
    pass(&world, 1000);
    expect_told(&world, "");
    pass(&world, EXPIRE_TICK_MS + 1);
    if (strncmp(bytes_text(&world.told), "h", 1) == 0)
        expect_told(&world, "h.a h:hexpired g.c g:hexpired ");
    else
        expect_told(&world, "g.c g:hexpired h.a h:hexpired ");
    pass(&world, 1900);
    expect_told(&world, "");
    pass(&world, 100 + EXPIRE_TICK_MS);
    expect_told(&world, "h.b h:hexpired h:del ");
    CU_ASSERT_EQUAL(keyspace_count(&world.keyspace), 1);
    pass(&world, 10000000);
    expect_told(&world, "");
    CU_ASSERT_EQUAL(world.shared.stats.expired_fields, 3);
    world_fini(&world);
}

UNIT_TEST(field_expire, an_earlier_deadline_and_a_later_one) {
    struct world world;
    world_init(&world);
    set(&world, "h", SLICE("a"), 100000);
    set(&world, "h", SLICE("a"), 500); /* earlier */
    set(&world, "h", SLICE("b"), HASH_NEVER);
    pass(&world, 500 + EXPIRE_TICK_MS + 1);
    expect_told(&world, "h.a h:hexpired ");
    set(&world, "h", SLICE("a"), 500);
    set(&world, "h", SLICE("a"), 5000); /* later */
    pass(&world, 3000);
    expect_told(&world, "");
    set(&world, "h", SLICE("a"), HASH_NEVER);
    pass(&world, 200000);
    expect_told(&world, "");
    world_fini(&world);
}

UNIT_TEST(field_expire, follows_a_value_under_another_key) {
    struct world world;
    struct spot  from, to;
    world_init(&world);
    set(&world, "h", SLICE("a"), 1000);
    set(&world, "h", SLICE("b"), HASH_NEVER);
    CU_ASSERT_FALSE(keyspace_open(&world.keyspace, SLICE("x"), &to));
    CU_ASSERT_TRUE(keyspace_open(&world.keyspace, SLICE("h"), &from));
    struct record *record = keyspace_take(&world.keyspace, &from);
    struct value   value = record_value(record);
    keyspace_put(&world.keyspace, SLICE("x"), &to, &value, RECORD_NEVER);
    record_free(record);
    pass(&world, 2000);
    expect_told(&world, "x.a x:hexpired ");
    world_fini(&world);
}

UNIT_TEST(field_expire, nothing_ends_while_the_data_must_stand_still) {
    struct world world;
    world_init(&world);
    set(&world, "h", SLICE("a"), 100);
    world.shared.keep_expired = true;
    pass(&world, 1000);
    expect_told(&world, "");
    world.shared.keep_expired = false;
    pass(&world, 0);
    expect_told(&world, "h.a h:hexpired h:del ");
    world_fini(&world);
}

UNIT_TEST(field_expire, finds_its_fields_after_the_clock_was_set_back) {
    struct world world;
    world_init(&world);
    set(&world, "h", SLICE("a"), 100000);
    pass(&world, 50000);
    world.wall_ms -= 7200000;
    set(&world, "g", SLICE("b"), 1000);
    pass(&world, 0);
    pass(&world, 1000 + 3 * EXPIRE_TICK_MS);
    expect_told(&world, "g.b g:hexpired g:del ");
    world_fini(&world);
}

/* 200,000 fields of one hash end at once: no call takes longer than it may by more than a few fields' work, and all go
 * without waiting for another tick. */
UNIT_TEST(field_expire, many_fields_end_in_short_pieces) {
    enum { N = 200000 };
    struct world world;
    char         text[NUMBER_TEXT_SIZE];
    world_init(&world);
    for (uint64_t i = 0; i < N; i++) set(&world, "large", slice_make(text, number_print_uint(text, i)), 1000);
    world.wall_ms += 1000 + 2 * EXPIRE_TICK_MS;
    unsigned calls = 0;
    while (field_expire_some(&world.keyspace, 0)) calls++;
    CU_ASSERT_EQUAL(world.fields, N);
    CU_ASSERT_TRUE(calls >= N / FIELD_EXPIRE_AT_ONCE);
    CU_ASSERT_EQUAL(keyspace_count(&world.keyspace), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(bytes_text(&world.told), "large:hexpired large:del "));
    world_fini(&world);
}
