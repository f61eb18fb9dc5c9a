#include "lib/unit.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/keyspace/expire.h"
#include "store/keyspace/keyspace.h"
#include "store/keyspace/lazy_free.h"

#include <stdio.h>

enum { N = 3000 };

struct model {
    bool     is_there;
    char     text[1400];
    size_t   size;
    int64_t  expires_ms;
};

struct world {
    struct keyspace_shared shared;
    struct keyspace        keyspace;
    int64_t                wall_ms;
    uint32_t               clock;
    size_t                 events;
};

static void on_event(void *context, struct keyspace *keyspace, struct slice key, enum keyspace_class class,
                     const char *event) {
    if (class != KEYSPACE_NEW) ((struct world *)context)->events++;
}

static void world_init(struct world *world) {
    *world = (struct world){.wall_ms = 1700000000000};
    world->shared = (struct keyspace_shared){.hash_key = {3, 4}, .wall_ms = &world->wall_ms, .clock = &world->clock,
                                             .lazy_free = lazy_free_new()};
    world->shared.hooks.context = world;
    world->shared.hooks.event = on_event;
    keyspace_init(&world->keyspace, &world->shared, 0);
}

static void world_fini(struct world *world) {
    keyspace_fini(&world->keyspace);
    lazy_free_free(&world->shared.lazy_free);
}

static struct slice name_of(unsigned i, char *buffer) {
    return slice_make(buffer, (size_t)sprintf(buffer, "k%u", i));
}

static void compare(struct world *world, const struct model *model, unsigned i) {
    char name[16], buffer[NUMBER_TEXT_SIZE];
    struct record *record = keyspace_read(&world->keyspace, name_of(i, name));
    bool expected = model->is_there && !(model->expires_ms != RECORD_NEVER && world->wall_ms > model->expires_ms);
    CU_ASSERT_EQUAL_FATAL(record != NULL, expected);
    if (!record) return;
    CU_ASSERT_FATAL(slice_equal(record_text(record, buffer), slice_make(model->text, model->size)));
    CU_ASSERT_EQUAL_FATAL(record_expires_ms(record), model->expires_ms);
}

static void assign(struct model *model, struct slice text) {
    model->size = text.size;
    memcpy(model->text, text.data, text.size);
}

/* Sets, edits, deletes, expiries and time, against an array of what should be there. */
static void agree(uint64_t seed) {
    static struct model models[N];
    memset(models, 0, sizeof models);
    struct world world;
    world_init(&world);
    struct random random;
    random_seed(&random, seed);
    struct keyspace *keyspace = &world.keyspace;
    char filler[1400], number[NUMBER_TEXT_SIZE], name[16];
    memset(filler, 'x', sizeof filler);
    for (unsigned step = 0; step < 150000; step++) {
        unsigned i = (unsigned)random_below(&random, N);
        struct model *model = &models[i];
        if (model->is_there && model->expires_ms != RECORD_NEVER && world.wall_ms > model->expires_ms)
            model->is_there = false;
        struct slice key = name_of(i, name);
        struct spot spot;
        CU_ASSERT_EQUAL_FATAL(keyspace_open(keyspace, key, &spot), model->is_there);
        int64_t deadline = random_below(&random, 2) ? RECORD_NEVER
                                                    : world.wall_ms + (int64_t)random_below(&random, 200000);
        switch (random_below(&random, 7)) {
        case 0:
        case 1: {
            bool keep = random_below(&random, 3) == 0;
            struct slice text = slice_make(filler, (size_t)random_below(&random, 60));
            if (random_below(&random, 3) == 0)
                text = slice_make(number, number_print_int(number, (int64_t)random_below(&random, 1000)));
            struct value value = value_of_text(text);
            keyspace_put(keyspace, key, &spot, &value, keep ? KEYSPACE_KEEP_TTL : deadline);
            assign(model, text);
            if (!keep) model->expires_ms = deadline;
            if (keep && !model->is_there) model->expires_ms = RECORD_NEVER;
            model->is_there = true;
            break;
        }
        case 2:
            if (!spot.record) break;
            keyspace_remove(keyspace, &spot);
            model->is_there = false;
            break;
        case 3:
            if (!spot.record) break;
            keyspace_set_expires(keyspace, &spot, deadline);
            model->expires_ms = deadline;
            break;
        case 4: {
            if (!spot.record) break;
            size_t size = (size_t)random_below(&random, random_below(&random, 8) ? 100 : sizeof model->text);
            char *text = keyspace_edit_text(keyspace, &spot, size);
            if (size > model->size) memset(model->text + model->size, 0, size - model->size);
            model->size = size;
            if (size) text[size / 2] = model->text[size / 2] = 'y';
            break;
        }
        case 5:
            world.wall_ms += (int64_t)random_below(&random, 20);
            break;
        case 6:
            if (step % 16 == 0) keyspace_expire_some(keyspace, INT64_MAX);
            break;
        }
        compare(&world, &models[i], i);
    }
    for (unsigned i = 0; i < N; i++) compare(&world, &models[i], i);
    world.wall_ms += 400000;
    keyspace_expire_some(keyspace, INT64_MAX);
    size_t count = 0;
    for (unsigned i = 0; i < N; i++) count += models[i].is_there && models[i].expires_ms == RECORD_NEVER;
    CU_ASSERT_EQUAL(keyspace_count(keyspace), count);
    CU_ASSERT_EQUAL(keyspace->expiring, 0);
    CU_ASSERT_EQUAL(keyspace_average_ttl_ms(keyspace), 0);
    key_table_check(keyspace->table);
    world_fini(&world);
}

UNIT_TEST(keyspace, agrees_with_an_array) {
    for (uint64_t seed = 1; seed <= 4; seed++) agree(seed);
}

static void set(struct world *world, const char *key, int64_t expires_ms) {
    struct spot spot;
    struct value value = value_of_text(SLICE("v"));
    keyspace_open(&world->keyspace, slice_text(key), &spot);
    keyspace_put(&world->keyspace, slice_text(key), &spot, &value, expires_ms);
}

UNIT_TEST(keyspace, the_index_does_not_grow_with_refreshed_and_removed_keys) {
    struct world world;
    world_init(&world);
    for (int i = 0; i < 100000; i++) {
        world.wall_ms += 1;
        set(&world, "session", world.wall_ms + 3600000);
        set(&world, "gone", world.wall_ms + 3600000);
        struct spot spot;
        CU_ASSERT_FATAL(keyspace_open(&world.keyspace, SLICE("gone"), &spot));
        keyspace_remove(&world.keyspace, &spot);
        if (i % 100 == 0) keyspace_expire_some(&world.keyspace, INT64_MAX);
        CU_ASSERT_FATAL(expire_index_count(world.keyspace.timers) < 3000);
    }
    world.wall_ms += 3600000 + 200;
    keyspace_expire_some(&world.keyspace, INT64_MAX);
    CU_ASSERT_EQUAL(keyspace_count(&world.keyspace), 0);
    world_fini(&world);
}

UNIT_TEST(keyspace, keys_still_end_when_the_clock_was_set_back) {
    struct world world;
    world_init(&world);
    set(&world, "old", world.wall_ms + 1000);
    world.wall_ms -= 100000000;
    for (int i = 0; i < 1000; i++) keyspace_expire_some(&world.keyspace, INT64_MAX);
    set(&world, "new", world.wall_ms + 1000);
    world.wall_ms += 1200;
    keyspace_expire_some(&world.keyspace, INT64_MAX);
    CU_ASSERT_EQUAL(keyspace_count(&world.keyspace), 1);
    world.wall_ms += 100000000;
    keyspace_expire_some(&world.keyspace, INT64_MAX);
    CU_ASSERT_EQUAL(keyspace_count(&world.keyspace), 0);
    CU_ASSERT_EQUAL(world.shared.stats.expired, 2);
    CU_ASSERT_EQUAL(world.events, 2);
    world_fini(&world);
}

UNIT_TEST(keyspace, a_cycle_keeps_to_its_time) {
    struct world world;
    world_init(&world);
    char name[32];
    for (int i = 0; i < 100000; i++) {
        sprintf(name, "key:%d", i);
        set(&world, name, world.wall_ms + 1000 + i % 100);
    }
    world.wall_ms += 2000;
    CU_ASSERT_TRUE(keyspace_expire_some(&world.keyspace, 0)); /* one batch, and the time is over */
    CU_ASSERT(keyspace_count(&world.keyspace) > 99000);
    while (keyspace_expire_some(&world.keyspace, 0)) continue;
    CU_ASSERT_EQUAL(keyspace_count(&world.keyspace), 0);
    world_fini(&world);
}

UNIT_TEST(keyspace, clearing_in_the_background_frees_everything) {
    struct world world;
    world_init(&world);
    char name[32];
    for (int i = 0; i < 1000; i++) {
        sprintf(name, "key:%d", i);
        set(&world, name, RECORD_NEVER);
    }
    CU_ASSERT_EQUAL(keyspace_clear(&world.keyspace, true), 1000);
    CU_ASSERT_EQUAL(keyspace_count(&world.keyspace), 0);
    set(&world, "again", RECORD_NEVER);
    CU_ASSERT_EQUAL(keyspace_count(&world.keyspace), 1);
    world_fini(&world); /* the sanitizer would tell */
}
