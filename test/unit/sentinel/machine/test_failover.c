#include "lib/unit.h"
#include "sentinel/machine/explain.h"
#include "sentinel/machine/failover.h"
#include "sentinel/machine/world_internal.h"
#include "solo.h"
#include "troupe.h"

static void ready(struct troupe *t, unsigned machines, unsigned nodes) {
    troupe_init(t, machines, nodes);
}

static void go(struct troupe *t) {
    troupe_start(t);
    troupe_run(t, 4000);
}

static void force(struct troupe *t, unsigned machine, bool coordinated) {
    troupe_event(t, machine,
                 &(struct event){.kind = EVENT_FAILOVER,
                                 .token = 9,
                                 .failover = {.name = SLICE("mymaster"), .coordinated = coordinated}});
}

static unsigned simulate_all(struct troupe *t, unsigned what) {
    for (unsigned m = 0; m < t->machines; m++)
        troupe_event(t, m, &(struct event){.kind = EVENT_SIMULATE_FAILURE, .simulate = what});
    return t->machines;
}

UNIT_TEST(failover, of_a_primary_that_hangs) {
    struct troupe t;
    ready(&t, 3, 3);
    go(&t);
    t.node[0].hung = true;
    CU_ASSERT_TRUE(troupe_until(&t, "N1 promoted", 1020) || troupe_count(&t, "promoted\n"));
    troupe_run(&t, 20);
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), 3);
    t.node[0].hung = false;
    troupe_run(&t, 300);
    CU_ASSERT_EQUAL(t.node[0].follows, troupe_believes(&t, 0));
    troupe_fini(&t);
}

UNIT_TEST(failover, goes_on_when_its_leader_dies_before_the_promotion) {
    struct troupe t;
    ready(&t, 3, 3);
    go(&t);
    simulate_all(&t, SIMULATE_CRASH_AFTER_ELECTION);
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE_FATAL(troupe_until(&t, " gone", 1100));
    for (unsigned m = 0; m < 3; m++)
        if (t.machine[m]) troupe_event(&t, m, &(struct event){.kind = EVENT_SIMULATE_FAILURE});
    int64_t died = t.now_ms;
    CU_ASSERT_TRUE(troupe_until(&t, "+switch-master", 1000));
    CU_ASSERT_TRUE(t.now_ms - died < 500);
    troupe_fini(&t);
}

UNIT_TEST(failover, goes_on_when_its_leader_dies_after_the_promotion) {
    struct troupe t;
    ready(&t, 3, 4);
    go(&t);
    simulate_all(&t, SIMULATE_CRASH_AFTER_PROMOTION);
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE_FATAL(troupe_until(&t, " gone", 1100));
    for (unsigned m = 0; m < 3; m++)
        if (t.machine[m]) troupe_event(&t, m, &(struct event){.kind = EVENT_SIMULATE_FAILURE});
    int64_t died = t.now_ms;
    troupe_run(&t, 500);
    CU_ASSERT_TRUE(t.now_ms - died <= 500);
    unsigned alive = t.machine[0] ? 0 : 1;
    int primary = troupe_believes(&t, alive);
    CU_ASSERT_TRUE(primary > 0);
    CU_ASSERT_EQUAL(t.node[primary].follows, -1);
    unsigned primaries = 0;
    for (unsigned n = 1; n < 4; n++) primaries += t.node[n].follows < 0;
    CU_ASSERT_EQUAL(primaries, 1); /* the one that was promoted already is the one that is chosen */
    /* In these 500 ms, too, the others were told by who is left. */
    for (unsigned n = 1; n < 4; n++)
        if ((int)n != primary) CU_ASSERT_EQUAL(t.node[n].follows, primary);
    troupe_fini(&t);
}

/* The leader is gone before its order's proof; what it chose had the better priority, and less data than the other. */
UNIT_TEST(failover, goes_on_with_the_replica_that_was_ordered_by_a_leader_that_died) {
    struct troupe t;
    ready(&t, 3, 3);
    go(&t);
    t.node[1].priority = 10;
    t.node[1].offset = 100;
    t.node[2].offset = 5000;
    troupe_run(&t, 11000); /* INFO tells it */
    simulate_all(&t, SIMULATE_CRASH_AFTER_ORDER);
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE_FATAL(troupe_until(&t, " gone", 1200));
    for (unsigned m = 0; m < 3; m++)
        if (t.machine[m]) troupe_event(&t, m, &(struct event){.kind = EVENT_SIMULATE_FAILURE});
    CU_ASSERT_EQUAL(t.node[1].follows, -1);
    troupe_run(&t, 500);
    for (unsigned m = 0; m < 3; m++)
        if (t.machine[m]) CU_ASSERT_EQUAL(troupe_believes(&t, m), 1);
    CU_ASSERT_EQUAL(t.node[2].follows, 1);
    troupe_fini(&t);
}

UNIT_TEST(failover, does_not_happen_when_no_vote_can_be_saved) {
    struct troupe t;
    ready(&t, 3, 2);
    go(&t);
    for (unsigned m = 0; m < 3; m++) t.disk_fails[m] = true;
    troupe_kill(&t, 0);
    troupe_run(&t, 6000);
    CU_ASSERT_EQUAL(troupe_count(&t, "promoted\n"), 0);
    CU_ASSERT_TRUE(troupe_count(&t, "-state-save-failed") >= 1);
    for (unsigned m = 0; m < 3; m++) t.disk_fails[m] = false;
    CU_ASSERT_TRUE(troupe_until(&t, "promoted\n", 3000));
    troupe_fini(&t);
}

UNIT_TEST(failover, is_led_by_those_whose_disk_works) {
    struct troupe t;
    ready(&t, 5, 2);
    t.config.quorum = 3;
    go(&t);
    t.disk_fails[0] = t.disk_fails[1] = true;
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE(troupe_until(&t, "promoted\n", 4000));
    troupe_fini(&t);
}

UNIT_TEST(failover, tries_the_next_replica_when_the_order_is_refused) {
    struct troupe t;
    ready(&t, 3, 3);
    go(&t);
    t.node[1].offset = 5000;
    t.node[1].refuses = "EXEC";
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE(troupe_until(&t, "-order-refused slave 10.0.0.2:6379", 1100));
    troupe_run(&t, 20);
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master mymaster 10.0.0.1 6379 10.0.0.3 6379"), 3);
    troupe_fini(&t);
}

UNIT_TEST(failover, needs_a_replica_and_waits_for_one) {
    struct troupe t;
    ready(&t, 3, 2);
    go(&t);
    t.node[1].priority = 0;
    troupe_run(&t, 11000);
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE(troupe_until(&t, "-failover-abort-no-good-slave", 1200));
    troupe_run(&t, 20000);
    CU_ASSERT_TRUE(troupe_count(&t, "+try-failover") <= 3); /* no epoch after epoch in vain */
    t.node[1].priority = 100;
    CU_ASSERT_TRUE(troupe_until(&t, "promoted\n", 3000));
    troupe_fini(&t);
}

UNIT_TEST(failover, needs_a_majority) {
    struct troupe t;
    ready(&t, 5, 2);
    go(&t);
    for (unsigned m = 2; m < 5; m++) troupe_kill_machine(&t, m);
    troupe_kill(&t, 0);
    troupe_run(&t, 20000);
    CU_ASSERT_TRUE(troupe_count(&t, "+odown") >= 2);
    CU_ASSERT_EQUAL(troupe_count(&t, "promoted\n"), 0);
    struct bytes text = {0};
    explain_waiting(troupe_primary(&t, 0), t.now_ms, &text);
    EXPECT_TEXT(bytes_text(&text), "2 sentinels of 3 that are needed are reachable");
    bytes_clear(&text);
    CU_ASSERT_FALSE(primary_check_quorum(troupe_primary(&t, 0), &text));
    EXPECT_TEXT(bytes_text(&text), "2 usable Sentinels. Not enough available Sentinels to reach the majority and "
                                   "authorize a failover");
    bytes_fini(&text);
    troupe_restart_machine(&t, 2);
    CU_ASSERT_TRUE(troupe_until(&t, "promoted\n", 3000));
    troupe_fini(&t);
}

UNIT_TEST(failover, stops_when_the_primary_is_back) {
    struct troupe t;
    ready(&t, 3, 2);
    go(&t);
    t.node[0].hung = true;
    CU_ASSERT_TRUE_FATAL(troupe_until(&t, "+sdown master", 1100));
    t.node[0].hung = false;
    troupe_run(&t, 3000);
    CU_ASSERT_EQUAL(troupe_count(&t, "promoted\n"), troupe_count(&t, "+promoted-slave"));
    int primary = troupe_believes(&t, 0);
    CU_ASSERT_EQUAL(t.node[primary].follows, -1);
    CU_ASSERT_EQUAL(t.node[1 - primary].follows, primary);
    troupe_fini(&t);
}

UNIT_TEST(failover, repoints_no_more_than_parallel_syncs_at_a_time) {
    struct troupe t;
    ready(&t, 3, 5);
    go(&t);
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE_FATAL(troupe_until(&t, "+switch-master", 1100));
    unsigned most = 0;
    for (int i = 0; i < 3000; i++) {
        troupe_run(&t, 1);
        unsigned syncing = 0;
        for (unsigned n = 0; n < 5; n++) syncing += t.node[n].link_up_at_ms != 0;
        most = syncing > most ? syncing : most;
    }
    CU_ASSERT_EQUAL(most, 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "+slave-reconf-done"), 3);
    CU_ASSERT_EQUAL(troupe_count(&t, "+failover-end master"), 1);
    troupe_fini(&t);
}

UNIT_TEST(failover, asked_for_by_an_operator) {
    struct troupe t;
    ready(&t, 3, 3);
    go(&t);
    t.node[1].offset = 5000;
    force(&t, 0, false);
    force(&t, 0, false);
    troupe_run(&t, 15);
    CU_ASSERT_EQUAL(troupe_count(&t, "answer 9: OK"), 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "answer 9: error INPROG Failover already in progress"), 1);
    CU_ASSERT_EQUAL(troupe_believes(&t, 2), 1);
    troupe_run(&t, 300);
    CU_ASSERT_EQUAL(t.node[0].follows, 1);
    CU_ASSERT_EQUAL(t.node[2].follows, 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "sdown"), 0);
    troupe_fini(&t);
}

UNIT_TEST(failover, asked_for_twice_promotes_once_per_epoch) {
    struct troupe t;
    ready(&t, 3, 4);
    go(&t);
    force(&t, 0, false);
    force(&t, 1, false);
    force(&t, 2, false);
    troupe_run(&t, 5000);
    int primary = troupe_believes(&t, 0);
    for (unsigned m = 1; m < 3; m++) CU_ASSERT_EQUAL(troupe_believes(&t, m), primary);
    for (unsigned n = 0; n < 4; n++) CU_ASSERT_EQUAL(t.node[n].follows, (int)n == primary ? -1 : primary);
    troupe_fini(&t);
}

UNIT_TEST(failover, asked_for_alone_needs_only_the_operators_word) {
    struct troupe t;
    ready(&t, 3, 2);
    go(&t);
    troupe_kill_machine(&t, 1);
    troupe_kill_machine(&t, 2);
    troupe_run(&t, 100);
    force(&t, 0, false);
    troupe_run(&t, 50);
    CU_ASSERT_EQUAL(troupe_believes(&t, 0), 1);
    CU_ASSERT_TRUE(troupe_primary(&t, 0)->failover.record.unagreed);
    troupe_fini(&t);
}

UNIT_TEST(failover, coordinated_stops_writes_first) {
    struct troupe t;
    ready(&t, 3, 3);
    go(&t);
    force(&t, 0, true);
    troupe_run(&t, 500);
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), 3);
    int primary = troupe_believes(&t, 0);
    CU_ASSERT_EQUAL(t.node[0].follows, primary);
    CU_ASSERT_TRUE(troupe_primary(&t, 0)->failover.record.coordinated);
    troupe_fini(&t);
}

UNIT_TEST(failover, coordinated_falls_back_to_the_primarys_own) {
    struct troupe t;
    ready(&t, 3, 3);
    go(&t);
    t.node[0].refuses = "CLIENT";
    force(&t, 0, true);
    troupe_run(&t, 500);
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), 3);
    CU_ASSERT_EQUAL(t.node[0].follows, troupe_believes(&t, 0));
    troupe_fini(&t);
}

UNIT_TEST(failover, coordinated_waits_until_the_replica_has_everything) {
    struct troupe t;
    ready(&t, 3, 2);
    go(&t);
    t.node[1].offset = t.node[0].offset - 1;
    force(&t, 0, true);
    troupe_run(&t, 1000);
    CU_ASSERT_EQUAL(troupe_count(&t, "+promoted-slave"), 0);
    t.node[1].offset = t.node[0].offset;
    troupe_run(&t, 100);
    CU_ASSERT_EQUAL(troupe_count(&t, "+promoted-slave"), 1);
    CU_ASSERT_EQUAL(t.node[0].follows, 1);
    troupe_fini(&t);
}

UNIT_TEST(failover, coordinated_ends_when_the_primary_does_not_know_how) {
    struct troupe t;
    ready(&t, 3, 2);
    go(&t);
    t.node[0].refuses = "FAILOVER CLIENT";
    force(&t, 0, true);
    troupe_run(&t, 500);
    CU_ASSERT_EQUAL(troupe_count(&t, "-order-refused master mymaster 10.0.0.1 6379 handover: NOPERM"), 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "-failover-abort-master-timeout"), 1);
    CU_ASSERT_EQUAL(troupe_believes(&t, 0), 0);
    troupe_fini(&t);
}

static void ready_of_kvds(struct troupe *t, unsigned machines, unsigned nodes) {
    ready(t, machines, nodes);
    for (unsigned i = 0; i < nodes; i++) t->node[i].is_kvd = true;
    go(t);
}

UNIT_TEST(failover, of_a_kvd_by_a_plain_order_is_coordinated) {
    struct troupe t;
    ready_of_kvds(&t, 3, 3);
    t.node[1].offset = t.node[2].offset = t.node[0].offset - 100;
    CU_ASSERT_TRUE(failover_would_plan(troupe_primary(&t, 0)));
    force(&t, 0, false);
    troupe_run(&t, 50);
    CU_ASSERT_EQUAL(troupe_count(&t, "promoted\n"), 0);
    t.node[1].offset = t.node[2].offset = t.node[0].offset;
    troupe_run(&t, 200);
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), 3);
    CU_ASSERT_EQUAL(troupe_count(&t, "+failover-forced"), 0);
    CU_ASSERT_EQUAL(t.node[0].follows, troupe_believes(&t, 0));
    CU_ASSERT_TRUE(troupe_primary(&t, 0)->failover.record.coordinated);
    troupe_fini(&t);
}

UNIT_TEST(failover, of_a_kvd_that_does_not_answer_is_forced_in_bounded_time) {
    struct troupe t;
    ready(&t, 3, 3);
    for (unsigned i = 0; i < 3; i++) t.node[i].is_kvd = true;
    t.config.down_after_ms = 30000;
    go(&t);
    t.node[0].hung = true;
    force(&t, 0, false);
    troupe_run(&t, 1000);
    CU_ASSERT_EQUAL(troupe_count(&t, "promoted\n"), 0);
    troupe_run(&t, 700);
    CU_ASSERT_EQUAL(troupe_count(&t, "+failover-forced"), 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "promoted\n"), 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), 3);
    const struct failover_record *record = &troupe_primary(&t, 0)->failover.record;
    CU_ASSERT_TRUE(record->forced && !record->coordinated);
    CU_ASSERT_PTR_NOT_NULL(strstr(record->reason, "it did not stop its writes in time"));
    troupe_fini(&t);
}

UNIT_TEST(failover, of_a_kvd_that_dies_meanwhile_is_forced_at_once) {
    struct troupe t;
    ready_of_kvds(&t, 3, 3);
    t.node[1].offset = t.node[2].offset = t.node[0].offset - 100; /* nobody has all that it had */
    force(&t, 0, false);
    troupe_run(&t, 50);
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->failover.sm.state, FAILOVER_WAIT_PROMOTION);
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE(troupe_until(&t, "+failover-forced", 200));
    troupe_run(&t, 200);
    CU_ASSERT_EQUAL(troupe_count(&t, "promoted\n"), 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), 3);
    troupe_fini(&t);
}

UNIT_TEST(failover, of_a_kvd_that_may_not_be_told_is_forced) {
    struct troupe t;
    ready_of_kvds(&t, 3, 2);
    t.node[0].refuses = "FAILOVER CLIENT";
    force(&t, 0, false);
    troupe_run(&t, 500);
    CU_ASSERT_EQUAL(troupe_count(&t, "-order-refused master mymaster 10.0.0.1 6379 handover: NOPERM"), 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "+failover-forced master mymaster 10.0.0.1 6379 it refused"), 1);
    CU_ASSERT_EQUAL(troupe_believes(&t, 0), 1);
    troupe_fini(&t);
}

UNIT_TEST(failover, of_a_kvd_is_refused_for_lag) {
    struct troupe t;
    ready_of_kvds(&t, 3, 3);
    t.node[0].offset = 4 << 20;
    t.node[1].offset = t.node[2].offset = 2 << 20;
    force(&t, 0, false);
    troupe_run(&t, 900);
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->failover.sm.state, FAILOVER_SELECT);
    troupe_run(&t, 400);
    CU_ASSERT_EQUAL(troupe_count(&t, "-failover-abort-no-good-slave"), 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "promoted\n"), 0);
    /* One comes near while it is waited for: it is the one. */
    force(&t, 0, false);
    troupe_run(&t, 300);
    t.node[2].offset = t.node[0].offset;
    troupe_run(&t, 500);
    CU_ASSERT_EQUAL(troupe_believes(&t, 0), 2);
    CU_ASSERT_TRUE(troupe_primary(&t, 0)->failover.record.coordinated);
    troupe_fini(&t);
}

UNIT_TEST(failover, of_a_kvd_whose_replica_does_not_catch_up_is_refused) {
    struct troupe t;
    ready_of_kvds(&t, 3, 2);
    t.node[1].offset = t.node[0].offset - 7;
    force(&t, 0, false);
    troupe_run(&t, 1700);
    CU_ASSERT_EQUAL(troupe_count(&t, "-failover-abort-master-timeout"), 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "promoted\n"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(troupe_primary(&t, 0)->failover.sm.reason, "it lacks 7 bytes"));
    troupe_fini(&t);
}

UNIT_TEST(failover, is_calm_with_a_down_after_of_100_ms) {
    struct troupe t;
    ready(&t, 3, 3);
    t.config.down_after_ms = 100;
    go(&t);
    for (int round = 0; round < 20; round++) {
        int primary = troupe_believes(&t, 0);
        unsigned before = troupe_count(&t, "+switch-master");
        troupe_kill(&t, (unsigned)primary);
        troupe_run(&t, 130);
        CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), before + 3);
        troupe_run(&t, 2000);
        troupe_return(&t, (unsigned)primary, -1);
        troupe_run(&t, 3000);
        CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), before + 3);
        CU_ASSERT_EQUAL(t.node[primary].follows, troupe_believes(&t, 0));
    }
    troupe_fini(&t);
}

UNIT_TEST(failover, finds_everything_again_after_a_restart_of_all) {
    struct troupe t;
    ready(&t, 3, 3);
    go(&t);
    troupe_kill(&t, 0);
    troupe_run(&t, 3000);
    int primary = troupe_believes(&t, 0);
    for (unsigned m = 0; m < 3; m++) troupe_kill_machine(&t, m);
    troupe_run(&t, 100);
    for (unsigned m = 0; m < 3; m++) troupe_restart_machine(&t, m);
    for (unsigned m = 0; m < 3; m++) {
        CU_ASSERT_EQUAL(troupe_believes(&t, m), primary);
        CU_ASSERT_EQUAL(troupe_primary(&t, m)->seat_count, 2);
        CU_ASSERT_EQUAL(troupe_primary(&t, m)->replica_count, 2);
        CU_ASSERT_EQUAL(troupe_primary(&t, m)->config_epoch, 1);
    }
    troupe_fini(&t);
}

UNIT_TEST(failover, leaves_a_record) {
    struct troupe t;
    ready(&t, 3, 3);
    go(&t);
    troupe_kill(&t, 0);
    troupe_run(&t, 3000);
    bool led = false;
    for (unsigned m = 0; m < 3; m++) {
        const struct failover_record *record = &troupe_primary(&t, m)->failover.record;
        CU_ASSERT_EQUAL(record->epoch, 1);
        CU_ASSERT_EQUAL(record->result, FAILOVER_DONE);
        CU_ASSERT_EQUAL(strcmp(record->from, "10.0.0.1:6379"), 0);
        CU_ASSERT_NOT_EQUAL(record->down_ms, NEVER);
        if (record->as_observer) continue;
        led = true;
        CU_ASSERT_TRUE(record->odown_ms <= record->started_ms && record->started_ms <= record->elected_ms);
        CU_ASSERT_TRUE(record->elected_ms <= record->ordered_ms && record->ordered_ms < record->promoted_ms);
        CU_ASSERT_TRUE(record->votes >= 2);
        CU_ASSERT_EQUAL(record->rounds, 1);
    }
    CU_ASSERT_TRUE(led);
    troupe_fini(&t);
}

#define FOLLOWS                                                                                                        \
    "role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\nmaster_link_status:up\r\nslave_repl_offset:5\r\n"

UNIT_TEST(failover, the_dead_primary_that_refuses_a_connection_says_nothing_of_the_order) {
    struct state_record state[] = {
        {.kind = STATE_PRIMARY, .name = "mymaster", .host = "10.0.0.1", .port = 6379, .configured_host = "10.0.0.1",
         .configured_port = 6379},
        {.kind = STATE_REPLICA, .name = "mymaster", .host = "10.0.0.2", .port = 6379},
    };
    struct solo s;
    solo_init(&s);
    s.config.quorum = 1;
    solo_start(&s, state, COUNT_OF(state));
    solo_connect_all(&s, 0);
    struct primary *primary = solo_primary(&s);
    struct instance *old = primary->instance, *replica = replica_find_at(primary, "10.0.0.2", 6379);
    for (int64_t now = 10; now < 1200 && primary->failover.sm.state != FAILOVER_WAIT_PROMOTION; now += 10) {
        (void)solo_run(&s, now);
        while (solo_reply(&s, now, replica->number, REQUEST_PING, STATUS("PONG"))) continue;
        while (solo_reply(&s, now, replica->number, REQUEST_INFO, BULK(FOLLOWS))) continue;
        while (solo_reply(&s, now, replica->number, REQUEST_INFO_REPLICATION, BULK(FOLLOWS))) continue;
        if (solo_world(&s)->save_sequence) (void)solo_saved(&s, now, true);
    }
    CU_ASSERT_EQUAL_FATAL(primary->failover.sm.state, FAILOVER_WAIT_PROMOTION);
    (void)solo_at(&s, s.now_ms, &(struct event){.kind = EVENT_LINE_DOWN,
                                                .line = {.instance = old->number, .line = LINE_COMMAND, .reason = LINE_RESET}});
    (void)solo_run(&s, s.now_ms + 100);
    (void)solo_at(&s, s.now_ms, &(struct event){.kind = EVENT_LINE_DOWN,
                                                .line = {.instance = old->number, .line = LINE_COMMAND, .reason = LINE_REFUSED}});
    struct reply_view ok = STATUS("OK");
    struct reply_view results = {.kind = REPLY_VIEW_ARRAY, .children = &ok, .count = 1};
    for (uint32_t i = 0; i < 5; i++)
        CU_ASSERT_TRUE(solo_reply_at(&s, s.now_ms, replica->number, REQUEST_PROMOTE, i, i ? STATUS("QUEUED") : ok));
    CU_ASSERT_TRUE(solo_reply_at(&s, s.now_ms, replica->number, REQUEST_PROMOTE, 5, results));
    CU_ASSERT_PTR_EQUAL(primary->instance, replica);
    solo_fini(&s);
}

/* The other sentinels were started a moment ago, and vote for nobody yet. */
UNIT_TEST(failover, asked_for_before_the_others_may_vote_waits_for_them) {
    struct troupe t;
    ready(&t, 3, 3);
    go(&t);
    for (unsigned m = 1; m < 3; m++) t.disk_fails[m] = true; /* nor can they, while nothing can be saved */
    force(&t, 0, false);
    troupe_run(&t, 1500);
    unsigned tries = troupe_count(&t, "S1 +try-failover");
    CU_ASSERT_TRUE(tries > 4 && tries < 40);
    CU_ASSERT_EQUAL(troupe_believes(&t, 0), 0);
    force(&t, 0, false); /* it is still going on */
    CU_ASSERT_EQUAL(troupe_count(&t, "answer 9: error INPROG Failover already in progress"), 1);
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->history_count, 1); /* one record, however many rounds */
    for (unsigned m = 1; m < 3; m++) t.disk_fails[m] = false;
    CU_ASSERT_TRUE(troupe_until(&t, "S1 +switch-master", 5000));
    const struct failover_record *record = &troupe_primary(&t, 0)->failover.record;
    CU_ASSERT_TRUE(record->forced && !record->unagreed && record->rounds > tries && record->votes >= 2);
    CU_ASSERT_TRUE(record->started_ms - record->asked_ms >= 1500); /* the time counts from the operator's word */
    CU_ASSERT_TRUE(troupe_until(&t, "S1 +failover-end", 5000));
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->history_count, 1);
    troupe_fini(&t);
}

UNIT_TEST(failover, asked_for_is_given_up_after_its_timeout) {
    struct troupe t;
    ready(&t, 3, 3);
    go(&t);
    for (unsigned m = 1; m < 3; m++) t.disk_fails[m] = true;
    force(&t, 0, false);
    troupe_run(&t, 12000);
    unsigned tries = troupe_count(&t, "S1 +try-failover");
    troupe_run(&t, 5000);
    CU_ASSERT_EQUAL(troupe_count(&t, "S1 +try-failover"), tries);
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->failover.sm.state, FAILOVER_NONE);
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->failover.record.result, FAILOVER_NOT_ELECTED);
    force(&t, 0, false); /* and may be asked for again */
    CU_ASSERT_EQUAL(troupe_count(&t, "answer 9: OK"), 2);
    troupe_fini(&t);
}
