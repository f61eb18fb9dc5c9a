#include "lib/unit.h"
#include "solo.h"

/* Everything once around: run-time changes, saved, and read by a machine that starts anew. */
static void restart(struct solo *s, struct solo *next) {
    struct state_records records;
    state_records_init(&records);
    machine_state(s->machine, &records);
    solo_init(next);
    next->config = s->config;
    solo_start(next, records.items, records.count);
    state_records_fini(&records);
}

static void change(struct solo *s, struct option_change option) {
    (void)solo_at(
        s, 1, &(struct event){.kind = EVENT_SET, .set = {.name = SLICE("mymaster"), .options = &option, .count = 1}});
}

static void prepare(struct solo *s) {
    solo_init(s);
    solo_start(s, NULL, 0);
    change(s, (struct option_change){SLICE("quorum"), SLICE("5"), {0}});
    change(s, (struct option_change){SLICE("rename-command"), SLICE("CONFIG"), SLICE("hidden one")});
    (void)solo_hello(s, 2, "10.0.1.2,26379," ID_B ",7,mymaster,10.0.0.2,6380,6");
    (void)solo_vote(s, 3, ID_C, 9);
    (void)solo_at(s, 4,
                  &(struct event){.kind = EVENT_MONITOR, .monitor = {SLICE("second"), SLICE("10.0.0.9"), 6379, 1}});
}

UNIT_TEST(recall, brings_everything_back) {
    struct solo s, next;
    prepare(&s);
    restart(&s, &next);
    struct primary *primary = solo_primary(&next);
    EXPECT_TEXT(primary->instance->host, "10.0.0.2");
    CU_ASSERT_EQUAL(primary->instance->port, 6380);
    CU_ASSERT_EQUAL(primary->config_epoch, 6);
    CU_ASSERT_EQUAL(primary->vote_epoch, 0); /* asked for at an address that is no longer the primary's */
    CU_ASSERT_EQUAL(primary->options.quorum, 5);
    CU_ASSERT_EQUAL_FATAL(primary->options.rename_count, 1);
    EXPECT_TEXT(primary->options.renames[0].to, "hidden one");
    CU_ASSERT_EQUAL(primary->seat_count, 1);
    CU_ASSERT_EQUAL(primary->replica_count, 1); /* the old primary */
    CU_ASSERT_EQUAL(machine_world(next.machine)->current_epoch, 7);
    struct primary *second = world_find_primary(machine_world(next.machine), SLICE("second"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(second);
    CU_ASSERT_TRUE(second->at_run_time);
    solo_fini(&s);
    solo_fini(&next);
}

UNIT_TEST(recall, lets_the_operators_edits_win) {
    struct solo s, next;
    prepare(&s);
    s.config.host = "10.0.0.77";
    s.config.quorum = 3; /* was 2 when 5 was set at run time */
    restart(&s, &next);
    struct primary *primary = solo_primary(&next);
    EXPECT_TEXT(primary->instance->host, "10.0.0.77");
    CU_ASSERT_EQUAL(primary->options.quorum, 3);
    CU_ASSERT_EQUAL(primary->config_epoch, 6); /* epochs never go back */
    CU_ASSERT_EQUAL(primary->replica_count, 0);
    CU_ASSERT_EQUAL(primary->seat_count, 1);
    solo_fini(&s);
    solo_fini(&next);
}

UNIT_TEST(recall, keeps_what_was_removed_away) {
    struct solo s, next, third;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    (void)solo_at(&s, 1, &(struct event){.kind = EVENT_REMOVE, .name = SLICE("mymaster")});
    restart(&s, &next);
    CU_ASSERT_PTR_NULL(solo_primary(&next));
    s.config.port = 6400; /* until the operator edits it */
    restart(&s, &third);
    CU_ASSERT_PTR_NOT_NULL(solo_primary(&third));
    solo_fini(&s);
    solo_fini(&next);
    solo_fini(&third);
}

UNIT_TEST(recall, survives_nonsense) {
    const struct state_record state[] = {
        {.kind = STATE_SELF, .id = "short", .epoch = UINT64_MAX},
        {.kind = STATE_PRIMARY},
        {.kind = STATE_PRIMARY,
         .name = "mymaster",
         .host = "",
         .port = 0,
         .configured_host = "10.0.0.1",
         .configured_port = 6379,
         .vote_epoch = UINT64_MAX,
         .id = "x"},
        {.kind = STATE_REPLICA, .name = "nobody", .host = "h", .port = 1},
        {.kind = STATE_REPLICA, .name = "mymaster", .host = "", .port = 1},
        {.kind = STATE_REPLICA, .name = "mymaster", .host = "10.0.0.1", .port = 6379}, /* the primary itself */
        {.kind = STATE_SENTINEL, .name = "mymaster", .host = "10.0.1.1", .port = 1, .id = ID_A}, /* ourselves */
        {.kind = STATE_SENTINEL, .name = "mymaster", .host = "10.0.1.1", .port = 1},
        {.kind = STATE_OPTION, .name = "mymaster", .option = "quorum", .value = "-3"},
        {.kind = STATE_OPTION, .name = "mymaster"},
        {.kind = STATE_GLOBAL, .option = "announce-port", .value = "x"},
        {.kind = STATE_REMOVED},
    };
    struct solo s;
    solo_init(&s);
    solo_start(&s, state, COUNT_OF(state));
    EXPECT_TEXT(solo_world(&s)->id, ID_A);
    struct primary *primary = solo_primary(&s);
    CU_ASSERT_EQUAL(primary->replica_count, 0);
    CU_ASSERT_EQUAL(primary->seat_count, 0);
    CU_ASSERT_EQUAL(primary->options.quorum, 2);
    EXPECT_TEXT(primary->instance->host, "10.0.0.1");
    solo_fini(&s);
}
