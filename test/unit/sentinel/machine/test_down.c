#include "lib/unit.h"
#include "solo.h"
#include "troupe.h"

/* The primary answers PING and INFO until it is told not to. */
static void answer(struct solo *s, int64_t now_ms, struct reply_view ping) {
    uint32_t primary = solo_primary(s)->instance->number;
    while (solo_reply(s, now_ms, primary, REQUEST_PING, ping)) continue;
}

static void connected(struct solo *s) {
    solo_init(s);
    solo_start(s, NULL, 0);
    solo_connect_all(s, 0);
}

UNIT_TEST(down, counts_from_the_last_ping_that_was_answered) {
    struct solo s;
    connected(&s);
    for (int64_t now = 0; now <= 5000; now += 50) {
        (void)solo_run(&s, now);
        answer(&s, now, STATUS("PONG"));
    }
    CU_ASSERT_FALSE(solo_primary(&s)->instance->s_down);
    int64_t proof = solo_primary(&s)->instance->proof_ms;
    (void)solo_run(&s, proof + 999);
    CU_ASSERT_FALSE(solo_primary(&s)->instance->s_down);
    EXPECT_TEXT(solo_run(&s, proof + 1000), "+sdown master mymaster 10.0.0.1 6379");
    answer(&s, proof + 1001, STATUS("PONG"));
    CU_ASSERT_FALSE(solo_primary(&s)->instance->s_down);
    solo_fini(&s);
}

UNIT_TEST(down, is_not_who_loads_or_lost_its_primary) {
    static const char *const good[] = {"LOADING Redis is loading the dataset in memory",
                                       "MASTERDOWN Link with MASTER is down"};
    for (int i = 0; i < 2; i++) {
        struct solo s;
        connected(&s);
        for (int64_t now = 0; now <= 3000; now += 50) {
            (void)solo_run(&s, now);
            answer(&s, now, (struct reply_view){.kind = REPLY_VIEW_ERROR, .text = slice_text(good[i])});
        }
        CU_ASSERT_FALSE(solo_primary(&s)->instance->s_down);
        solo_fini(&s);
    }
}

UNIT_TEST(down, is_who_answers_nonsense) {
    static const struct reply_view bad[] = {
        {.kind = REPLY_VIEW_ERROR, .text = {"NOAUTH Authentication required.", 31}},
        {.kind = REPLY_VIEW_INTEGER, .integer = 1},
        {.kind = REPLY_VIEW_NULL},
        {.kind = REPLY_VIEW_ARRAY},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct solo s;
        connected(&s);
        for (int64_t now = 0; now <= 1100; now += 50) {
            (void)solo_run(&s, now);
            answer(&s, now, bad[i]);
        }
        CU_ASSERT_TRUE(solo_primary(&s)->instance->s_down);
        solo_fini(&s);
    }
}

UNIT_TEST(down, by_a_script_gets_one_script_kill) {
    struct troupe t;
    troupe_init(&t, 1, 1);
    troupe_start(&t);
    t.node[0].ping = "BUSY Redis is busy running a script.";
    troupe_run(&t, 1500);
    CU_ASSERT_TRUE(troupe_primary(&t, 0)->instance->s_down);
    CU_ASSERT_TRUE(troupe_primary(&t, 0)->instance->script_kill_sent);
    t.node[0].ping = NULL;
    troupe_run(&t, 200);
    CU_ASSERT_FALSE(troupe_primary(&t, 0)->instance->s_down);
    CU_ASSERT_FALSE(troupe_primary(&t, 0)->instance->script_kill_sent);
    troupe_fini(&t);
}

UNIT_TEST(down, after_a_reboot_that_loads_for_too_long) {
    struct troupe t;
    troupe_init(&t, 1, 1);
    t.config.reboot_down_after_ms = 1500;
    troupe_start(&t);
    troupe_run(&t, 500);
    troupe_kill(&t, 0);
    troupe_run(&t, 100);
    troupe_return(&t, 0, -1);
    t.node[0].ping = "LOADING Redis is loading the dataset in memory";
    troupe_run(&t, 1000);
    CU_ASSERT_EQUAL(troupe_count(&t, "+reboot"), 1);
    CU_ASSERT_FALSE(troupe_primary(&t, 0)->instance->s_down);
    troupe_run(&t, 1000);
    CU_ASSERT_TRUE(troupe_primary(&t, 0)->instance->s_down);
    t.node[0].ping = NULL;
    troupe_run(&t, 200);
    CU_ASSERT_FALSE(troupe_primary(&t, 0)->instance->s_down);
    troupe_fini(&t);
}

UNIT_TEST(down, objectively_only_with_the_quorum) {
    struct troupe t;
    troupe_init(&t, 3, 2);
    t.config.quorum = 3;
    troupe_start(&t);
    troupe_run(&t, 2500);
    t.cut_node[0][0] = t.cut_node[1][0] = true;
    troupe_run(&t, 8000);
    CU_ASSERT_EQUAL(troupe_count(&t, "+sdown master"), 2);
    CU_ASSERT_EQUAL(troupe_count(&t, "+odown"), 0);
    t.cut_node[2][0] = true;
    CU_ASSERT_TRUE(troupe_until(&t, "+odown master mymaster 10.0.0.1 6379 #quorum 3/3", 1100));
    troupe_fini(&t);
}

UNIT_TEST(down, primary_that_calls_itself_a_replica_in_the_end) {
    struct troupe t;
    troupe_init(&t, 1, 2);
    troupe_start(&t);
    troupe_run(&t, 2500);
    t.node[0].follows = 1;
    /* Both follow each other: nobody is a primary, and nobody can be about to become one. */
    CU_ASSERT_TRUE(
        troupe_until(&t, "-role-change master mymaster 10.0.0.1 6379 new reported role is slave", 11000));
    CU_ASSERT_EQUAL(troupe_count(&t, "+sdown"), 0);
    CU_ASSERT_TRUE(troupe_until(&t, "+sdown master", 2500));
    troupe_fini(&t);
}

UNIT_TEST(down, an_answer_that_was_overtaken_takes_nothing_back) {
    struct solo s;
    connected(&s);
    (void)solo_hello(&s, 10, "10.0.1.2,26379," ID_B ",0,mymaster,10.0.0.1,6379,0");
    (void)solo_saved(&s, 12, true);
    solo_connect_all(&s, 20);
    uint32_t peer = primary_find_seat(solo_primary(&s), SLICE(ID_B))->peer->number;
    for (int64_t now = 20; now < 1010; now += 10) {
        (void)solo_run(&s, now);
        if (now < 50) answer(&s, now, STATUS("PONG"));
        while (solo_reply(&s, now, peer, REQUEST_PING, STATUS("PONG"))) continue;
    }
    (void)solo_run(&s, 1100);
    CU_ASSERT_TRUE_FATAL(solo_primary(&s)->instance->s_down);
    int64_t now = s.now_ms;
    struct event asks = {.kind = EVENT_VOTE_REQUEST,
                         .token = 1,
                         .vote = {.ip = SLICE("10.0.0.1"),
                                  .port = 6379,
                                  .run_id = SLICE("*"),
                                  .client_name = SLICE("sentinel-bbbbbbbb-cmd")}};
    CU_ASSERT_PTR_NOT_NULL(strstr(solo_at(&s, now, &asks), "+odown"));
    struct reply_view up[] = {INTEGER(0), BULK("*"), INTEGER(0)};
    struct reply_view no = {.kind = REPLY_VIEW_ARRAY, .children = up, .count = 3};
    CU_ASSERT_TRUE_FATAL(solo_reply(&s, now + 1, peer, REQUEST_ASK, no)); /* it was asked before it asked us */
    CU_ASSERT_TRUE(solo_primary(&s)->o_down);
    while (solo_reply(&s, now + 2, peer, REQUEST_ASK, no)) continue;
    (void)solo_run(&s, now + 200);
    CU_ASSERT_TRUE_FATAL(solo_reply(&s, now + 200, peer, REQUEST_ASK, no)); /* this one not */
    CU_ASSERT_FALSE(solo_primary(&s)->o_down);
    solo_fini(&s);
}
