#include "lib/unit.h"
#include "sentinel/machine/guard.h"
#include "solo.h"

#include <stdio.h>

/* One of two sentinels, a guarded primary (#1) with two kvd replicas (#2, #3). */
enum { PRIMARY = 1, FIRST_REPLICA = 2 };

#define RUN_ID "9999999999999999999999999999999999999999"
#define HISTORY "8888888888888888888888888888888888888888"

#define PRIMARY_INFO \
    "# Server\r\nredis_version:7.0.15\r\nkvd_version:0.1.0\r\nrun_id:" RUN_ID "\r\n# Replication\r\nrole:master\r\nconnected_slaves:2\r\n" \
    "slave0:ip=10.0.0.2,port=6379,state=online,offset=1,lag=0\r\nslave1:ip=10.0.0.3,port=6379,state=online,offset=1,lag=0\r\n" \
    "master_replid:" HISTORY "\r\nmaster_repl_offset:1000\r\nrepl_sync_min:1\r\nrepl_fence_epoch:0\r\n"
#define REPLICA_INFO \
    "# Server\r\nredis_version:7.0.15\r\nkvd_version:0.1.0\r\n# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n" \
    "master_link_status:up\r\nslave_repl_offset:900\r\nslave_priority:100\r\nmaster_replid:" HISTORY "\r\n"

static struct reply_view lease_reply(int64_t stamp, struct reply_view *parts) {
    parts[0] = INTEGER(stamp);
    parts[1] = BULK(RUN_ID);
    parts[2] = INTEGER(1);
    return (struct reply_view){.kind = REPLY_VIEW_ARRAY, .children = parts, .count = 3};
}

static void begin(struct solo *s) {
    struct state_record state[] = {
        {.kind = STATE_SELF, .id = ID_A, .epoch = 0},
        {.kind = STATE_PRIMARY, .name = "mymaster", .host = "10.0.0.1", .port = 6379, .configured_host = "10.0.0.1", .configured_port = 6379},
        {.kind = STATE_SENTINEL, .name = "mymaster", .host = "10.0.1.2", .port = 26379, .id = ID_B},
    };
    solo_init(s);
    solo_start(s, state, COUNT_OF(state));
    solo_connect_all(s, 1);
    while (solo_reply(s, 2, PRIMARY, REQUEST_PING, STATUS("PONG"))) {}
}

/* Its INFO is read, the state saved, the replicas are there and followed. */
static void learn(struct solo *s, int64_t now_ms) {
    CU_ASSERT_TRUE(solo_reply(s, now_ms, PRIMARY, REQUEST_INFO, BULK(PRIMARY_INFO)));
    solo_saved(s, now_ms, true);
    solo_connect_all(s, now_ms);
    LIST_EACH(&solo_primary(s)->replicas, node)
        CU_ASSERT_TRUE(solo_reply(s, now_ms, container_of(node, struct instance, node)->number, REQUEST_INFO, BULK(REPLICA_INFO)));
    solo_saved(s, now_ms, true);
}

/* Answers every PING and GUARD LEASE each 10 ms until then. */
static void answer_until(struct solo *s, int64_t from_ms, int64_t until_ms) {
    struct reply_view parts[3];
    for (int64_t at_ms = from_ms; at_ms <= until_ms; at_ms += 10) {
        solo_run(s, at_ms);
        for (size_t i = 1; i < solo_world(s)->instance_count; i++)
            while (solo_reply(s, at_ms, (uint32_t)i, REQUEST_PING, STATUS("PONG"))) {}
        while (solo_reply(s, at_ms, PRIMARY, REQUEST_LEASE, lease_reply(5000 + at_ms, parts))) {}
        if (solo_world(s)->save_sequence) solo_saved(s, at_ms, true);
    }
}

UNIT_TEST(guard, unguarded_primary_hears_nothing_of_it) {
    struct solo s;
    begin(&s);
    CU_ASSERT_TRUE(solo_reply(&s, 3, PRIMARY, REQUEST_INFO, BULK("# Server\r\nkvd_version:0.1.0\r\n# Replication\r\nrole:master\r\nrepl_sync_min:0\r\n")));
    const char *text = solo_run(&s, 2000);
    CU_ASSERT_PTR_NULL(strstr(text, "GUARD"));
    CU_ASSERT_EQUAL(solo_primary(&s)->guard.least, 0);
    CU_ASSERT_TRUE(guard_may_vote(solo_primary(&s), NULL));
    solo_fini(&s);
}

UNIT_TEST(guard, promise_gives_the_stamp_back_and_forbids_the_vote) { /* G1 */
    struct solo s;
    begin(&s);
    learn(&s, 10);
    CU_ASSERT_EQUAL(solo_primary(&s)->guard.least, 1);
    CU_ASSERT_TRUE(guard_may_vote(solo_primary(&s), NULL)); /* nothing is promised yet */
    answer_until(&s, 20, 3000);
    const struct guard *guard = &solo_primary(&s)->guard;
    int64_t until_ms, tenths = solo_primary(&s)->options.down_after_ms * 8 / 10;
    CU_ASSERT(guard->stamp > 5000);
    CU_ASSERT_EQUAL(guard->stamp - 5000, guard->stamp_ms);
    CU_ASSERT_FALSE(guard_may_vote(solo_primary(&s), &until_ms));
    CU_ASSERT(until_ms > 3000 && until_ms <= 3000 + tenths);
    const char *refused = solo_vote(&s, 3001, ID_B, 5);
    CU_ASSERT_PTR_NOT_NULL(strstr(refused, "vote * 0"));
    CU_ASSERT_PTR_NULL(strstr(refused, "+vote-for-leader"));
    /* When it is over by our clock, and not before. The next ping has given the last stamp back. */
    solo_run(&s, 3001 + 2 * solo_primary(&s)->instance->ping_period_ms);
    CU_ASSERT_FALSE(guard_may_vote(solo_primary(&s), &until_ms));
    CU_ASSERT_EQUAL(until_ms, solo_primary(&s)->guard.stamp_ms + tenths);
    CU_ASSERT_PTR_NULL(strstr(solo_vote(&s, until_ms - 1, ID_B, 6), "+vote-for-leader"));
    CU_ASSERT_PTR_NOT_NULL(strstr(solo_vote(&s, until_ms, ID_B, 7), "+vote-for-leader"));
    solo_fini(&s);
}

UNIT_TEST(guard, names_only_who_follows_and_is_on_disk) { /* G6 */
    struct solo s;
    begin(&s);
    CU_ASSERT_TRUE(solo_reply(&s, 10, PRIMARY, REQUEST_INFO, BULK(PRIMARY_INFO)));
    LIST_EACH(&solo_primary(&s)->replicas, node) CU_ASSERT_FALSE(container_of(node, struct instance, node)->named);
    solo_saved(&s, 11, true);
    solo_connect_all(&s, 12);
    struct instance *first = container_of(list_first(&solo_primary(&s)->replicas), struct instance, node);
    CU_ASSERT_TRUE(solo_reply(&s, 13, first->number, REQUEST_INFO, BULK(REPLICA_INFO)));
    answer_until(&s, 20, 2000);
    size_t named = 0;
    LIST_EACH(&solo_primary(&s)->replicas, node) named += container_of(node, struct instance, node)->named;
    CU_ASSERT_EQUAL(named, 1);
    CU_ASSERT_TRUE(first->named);
    solo_fini(&s);
}

UNIT_TEST(guard, nothing_is_promised_after_a_vote_until_that_is_over) { /* G5 */
    struct solo s;
    begin(&s);
    learn(&s, 10);
    answer_until(&s, 20, 1000);
    int64_t until_ms;
    CU_ASSERT_FALSE(guard_may_vote(solo_primary(&s), &until_ms));
    CU_ASSERT_PTR_NOT_NULL(strstr(solo_vote(&s, until_ms, ID_B, 7), "+vote-for-leader"));
    int64_t promised_ms = solo_primary(&s)->guard.promised_ms;
    answer_until(&s, until_ms + 10, until_ms + 2000);
    CU_ASSERT_EQUAL(solo_primary(&s)->guard.promised_ms, promised_ms);
    /* Another than whom we voted for cannot give it up. */
    solo_at(&s, until_ms + 2001, &(struct event){.kind = EVENT_ABANDON, .abandon = {SLICE("mymaster"), 7, SLICE(ID_C)}});
    answer_until(&s, until_ms + 2010, until_ms + 3000);
    CU_ASSERT_EQUAL(solo_primary(&s)->guard.promised_ms, promised_ms);
    solo_at(&s, until_ms + 3001, &(struct event){.kind = EVENT_ABANDON, .abandon = {SLICE("mymaster"), 7, SLICE(ID_B)}});
    answer_until(&s, until_ms + 3010, until_ms + 5000);
    CU_ASSERT(solo_primary(&s)->guard.promised_ms > promised_ms);
    solo_fini(&s);
}

UNIT_TEST(guard, restart_waits_for_what_it_may_have_promised) { /* G1 */
    struct solo s;
    struct state_record state[] = {
        {.kind = STATE_SELF, .id = ID_A, .epoch = 0},
        {.kind = STATE_PRIMARY, .name = "mymaster", .host = "10.0.0.1", .port = 6379, .configured_host = "10.0.0.1", .configured_port = 6379, .guarded = 2},
        {.kind = STATE_REPLICA, .name = "mymaster", .host = "10.0.0.2", .port = 6379},
        {.kind = STATE_SENTINEL, .name = "mymaster", .host = "10.0.1.2", .port = 26379, .id = ID_B},
    };
    solo_init(&s);
    solo_start(&s, state, COUNT_OF(state));
    int64_t wait_ms = solo_primary(&s)->options.down_after_ms * 8 / 10;
    CU_ASSERT_EQUAL(solo_primary(&s)->guard.least, 2);
    CU_ASSERT_TRUE(container_of(list_first(&solo_primary(&s)->replicas), struct instance, node)->named); /* perhaps */
    CU_ASSERT_PTR_NULL(strstr(solo_vote(&s, wait_ms - 1, ID_B, 5), "+vote-for-leader"));
    CU_ASSERT_PTR_NOT_NULL(strstr(solo_vote(&s, wait_ms, ID_B, 6), "+vote-for-leader"));
    solo_fini(&s);
}

UNIT_TEST(guard, another_process_or_a_fence_ends_the_promise) { /* G1 */
    struct solo s;
    begin(&s);
    learn(&s, 10);
    answer_until(&s, 20, 2000);
    struct primary *primary = solo_primary(&s);
    CU_ASSERT_FALSE(guard_may_vote(primary, NULL));
    primary->instance->facts.fence_epoch = 5;
    CU_ASSERT_TRUE(guard_may_vote(primary, NULL));
    primary->vote_epoch = 5; /* it may be released at any moment: that failover had our vote already */
    CU_ASSERT_FALSE(guard_may_vote(primary, NULL));
    primary->vote_epoch = 0;
    primary->instance->facts.fence_epoch = 0;
    memset(primary->instance->facts.run_id, '7', SENTINEL_ID_SIZE - 1);
    CU_ASSERT_TRUE(guard_may_vote(primary, NULL));
    memset(primary->instance->facts.run_id, '9', SENTINEL_ID_SIZE - 1);
    CU_ASSERT_FALSE(guard_may_vote(primary, NULL));
    primary->instance->gone = true;
    CU_ASSERT_TRUE(guard_may_vote(primary, NULL));
    solo_fini(&s);
}

/* ---- The choice, on a world that is put together by hand ---- */

static struct instance *fenced(struct solo *s, size_t number, int64_t offset, int64_t priority) {
    struct list_node *node = list_first(&solo_primary(s)->replicas);
    while (number--) node = node->next;
    struct instance *replica = container_of(node, struct instance, node);
    replica->named = true;
    replica->fenced_epoch = solo_primary(s)->failover.epoch = 3;
    replica->fenced_offset = offset;
    snprintf(replica->fenced_history, sizeof replica->fenced_history, "%s", HISTORY);
    replica->facts.priority = priority;
    return replica;
}

UNIT_TEST(guard, most_data_wins_over_priority) { /* G3 */
    struct solo s;
    char why[200];
    begin(&s);
    learn(&s, 10);
    answer_until(&s, 20, 500);
    struct instance *first = fenced(&s, 0, 900, 1), *second = fenced(&s, 1, 901, 100);
    CU_ASSERT_PTR_EQUAL(guard_choose(solo_primary(&s), NULL, why, sizeof why), second);
    CU_ASSERT_PTR_NULL(guard_choose(solo_primary(&s), first, why, sizeof why));
    first->fenced_offset = 901;
    CU_ASSERT_PTR_EQUAL(guard_choose(solo_primary(&s), NULL, why, sizeof why), first); /* among equals */
    CU_ASSERT_PTR_EQUAL(guard_choose(solo_primary(&s), second, why, sizeof why), second);
    /* Priority 0 is never promoted, and then nobody who has less. */
    first->facts.priority = 0;
    CU_ASSERT_PTR_EQUAL(guard_choose(solo_primary(&s), NULL, why, sizeof why), second);
    first->fenced_offset = 902;
    CU_ASSERT_PTR_NULL(guard_choose(solo_primary(&s), NULL, why, sizeof why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "offset 902"));
    /* Another history is no place in this one, however far it is. */
    snprintf(first->fenced_history, sizeof first->fenced_history, "%s", RUN_ID);
    CU_ASSERT_PTR_EQUAL(guard_choose(solo_primary(&s), NULL, why, sizeof why), second);
    solo_fini(&s);
}
