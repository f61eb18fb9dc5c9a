#include "lib/unit.h"
#include "solo.h"

#define PRIMARY_INFO "role:master\r\nrun_id:1111111111111111111111111111111111111111\r\n"
#define FOLLOWS(host, link) \
    "role:slave\r\nmaster_host:" host "\r\nmaster_port:6379\r\nmaster_link_status:" link "\r\nslave_repl_offset:5\r\n"

/* The configured primary, connected, and one full INFO of it answered. */
static void begin(struct solo *s, const char *info) {
    solo_init(s);
    solo_start(s, NULL, 0);
    solo_connect_all(s, 10);
    (void)solo_run(s, 20);
    CU_ASSERT(solo_reply(s, 20, solo_primary(s)->instance->number, REQUEST_INFO,
                         (struct reply_view){.kind = REPLY_VIEW_BULK, .text = slice_text(info)}));
}

static struct instance *other(struct solo *s) {
    LIST_EACH(&solo_primary(s)->replicas, node) return container_of(node, struct instance, node);
    return NULL;
}

static struct instance *replica_of(struct solo *s, const char *host) {
    LIST_EACH(&solo_primary(s)->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        if (strcmp(replica->host, host) == 0) return replica;
    }
    return NULL;
}

static void tell(struct solo *s, int64_t now_ms, struct instance *instance, const char *info) {
    solo_connect_all(s, now_ms);
    (void)solo_run(s, now_ms);
    CU_ASSERT(solo_reply(s, now_ms, instance->number, REQUEST_INFO,
                         (struct reply_view){.kind = REPLY_VIEW_BULK, .text = slice_text(info)}));
}

UNIT_TEST(listen, looks_at_whom_the_configured_primary_follows) {
    struct solo s;
    begin(&s, FOLLOWS("10.0.0.7", "up"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(other(&s));
    CU_ASSERT(other(&s)->hearsay);
    EXPECT_TEXT(other(&s)->name, "10.0.0.7:6379");
    struct state_records records;
    state_records_init(&records); /* hearsay is not remembered */
    machine_state(s.machine, &records);
    for (size_t i = 0; i < records.count; i++) CU_ASSERT_NOT_EQUAL(records.items[i].kind, STATE_REPLICA);
    state_records_fini(&records);
    solo_fini(&s);
}

UNIT_TEST(listen, hearsay_goes_when_the_configured_one_is_a_primary) {
    struct solo s;
    begin(&s, FOLLOWS("10.0.0.7", "down"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(other(&s));
    (void)solo_run(&s, 1200);
    tell(&s, 1200, solo_primary(&s)->instance, PRIMARY_INFO);
    CU_ASSERT_PTR_NULL(other(&s));
    CU_ASSERT(solo_primary(&s)->was_seen);
    solo_fini(&s);
}

UNIT_TEST(listen, hearsay_ends_when_it_follows_our_primary) {
    struct solo s;
    begin(&s, FOLLOWS("10.0.0.7", "down"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(other(&s));
    tell(&s, 30, other(&s), FOLLOWS("10.0.0.1", "up"));
    CU_ASSERT_FALSE(other(&s)->hearsay);
    solo_fini(&s);
}

UNIT_TEST(listen, who_was_seen_as_a_primary_is_not_looked_beyond) {
    struct solo s;
    begin(&s, PRIMARY_INFO);
    (void)solo_run(&s, 1200);
    tell(&s, 10050, solo_primary(&s)->instance, FOLLOWS("10.0.0.7", "up"));
    CU_ASSERT_PTR_NULL(other(&s));
    solo_fini(&s);
}

/* The servers moved on before this sentinel's first file was read: down-after, not 20 s more, is waited. */
UNIT_TEST(listen, servers_that_moved_on_are_followed_after_down_after) {
    struct solo s;
    begin(&s, FOLLOWS("10.0.0.7", "up"));
    tell(&s, 30, other(&s), PRIMARY_INFO);
    CU_ASSERT_FALSE(solo_primary(&s)->instance->s_down);
    const int64_t since_ms = solo_primary(&s)->instance->role_since_ms;
    for (int64_t now_ms = 40; now_ms < since_ms + 1000; now_ms += 50) {
        (void)solo_run(&s, now_ms);
        while (solo_reply(&s, now_ms, solo_primary(&s)->instance->number, REQUEST_PING, STATUS("PONG"))) {}
        while (solo_reply(&s, now_ms, other(&s)->number, REQUEST_PING, STATUS("PONG"))) {}
        CU_ASSERT_FALSE(solo_primary(&s)->instance->s_down);
    }
    (void)solo_run(&s, since_ms + 1000);
    CU_ASSERT(solo_primary(&s)->instance->s_down);
    solo_fini(&s);
}

UNIT_TEST(listen, one_without_its_link_has_not_moved_on) {
    struct solo s;
    begin(&s, FOLLOWS("10.0.0.7", "down"));
    tell(&s, 30, other(&s), PRIMARY_INFO);
    for (int64_t now_ms = 40; now_ms < 1500; now_ms += 50) {
        (void)solo_run(&s, now_ms);
        while (solo_reply(&s, now_ms, solo_primary(&s)->instance->number, REQUEST_PING, STATUS("PONG"))) {}
        while (solo_reply(&s, now_ms, other(&s)->number, REQUEST_PING, STATUS("PONG"))) {}
    }
    CU_ASSERT_FALSE(solo_primary(&s)->instance->s_down);
    solo_fini(&s);
}

#define SAYS(ip) "10.0.1.9,1001," ID_B ",1,mymaster," ip ",6379,1"

/* A pod: its address was learned from a hello, it left that address, and who has the same configuration names the new. */
UNIT_TEST(listen, primary_that_left_its_address_is_followed_by_hearsay) {
    struct solo s;
    solo_init(&s);
    s.base.resolve_hostnames = true;
    solo_start(&s, NULL, 0);
    (void)solo_hello(&s, 10, SAYS("10.0.0.7"));
    EXPECT_TEXT(solo_primary(&s)->instance->host, "10.0.0.7");
    (void)solo_hello(&s, 20, SAYS("10.0.0.8"));
    EXPECT_TEXT(solo_primary(&s)->instance->host, "10.0.0.7"); /* it is not down: equal epochs change nothing (H1) */
    CU_ASSERT_PTR_NULL(replica_of(&s, "10.0.0.8"));
    (void)solo_run(&s, 1500);
    CU_ASSERT(solo_primary(&s)->instance->s_down);
    (void)solo_hello(&s, 1510, SAYS("10.0.0.8"));
    struct instance *moved = replica_of(&s, "10.0.0.8");
    CU_ASSERT_PTR_NOT_NULL_FATAL(moved);
    CU_ASSERT(moved->hearsay);
    (void)solo_hello(&s, 1515, SAYS("10.0.0.8"));
    EXPECT_TEXT(solo_primary(&s)->instance->host, "10.0.0.7"); /* it has not been seen as a primary */
    (void)solo_run(&s, 1520);
    tell(&s, 1530, moved, PRIMARY_INFO);
    (void)solo_hello(&s, 1540, SAYS("10.0.0.8"));
    EXPECT_TEXT(solo_primary(&s)->instance->host, "10.0.0.8");
    CU_ASSERT_PTR_NULL(replica_of(&s, "10.0.0.7")); /* it was the same process */
    CU_ASSERT_EQUAL(solo_primary(&s)->config_epoch, 1);
    solo_fini(&s);
}
