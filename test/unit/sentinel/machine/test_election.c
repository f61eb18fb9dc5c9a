#include "lib/unit.h"
#include "sentinel/machine/election.h"
#include "solo.h"
#include "troupe.h"

#include <stdio.h>

UNIT_TEST(election, ranks_differ_between_sentinels_and_primaries) {
    struct troupe t;
    troupe_init(&t, 5, 2);
    troupe_start(&t);
    troupe_run(&t, 3000);
    unsigned seen = 0;
    for (unsigned m = 0; m < 5; m++) seen |= 1u << election_rank(troupe_primary(&t, m));
    CU_ASSERT_EQUAL(seen, 31); /* each rank once */
    /* The next configuration has another order, so that the work is shared. */
    unsigned firsts = 0;
    for (uint64_t epoch = 1; epoch < 30; epoch++)
        for (unsigned m = 0; m < 5; m++) {
            troupe_primary(&t, m)->config_epoch = epoch;
            if (election_rank(troupe_primary(&t, m)) == 0) firsts |= 1u << m;
        }
    CU_ASSERT_EQUAL(firsts, 31);
    troupe_fini(&t);
}

UNIT_TEST(election, takes_one_round_among_many_sentinels) {
    for (unsigned machines = 3; machines <= 7; machines += 2) {
        struct troupe t;
        troupe_init(&t, machines, 3);
        t.config.quorum = machines / 2 + 1;
        troupe_start(&t);
        troupe_run(&t, 4000);
        int64_t killed = t.now_ms;
        troupe_kill(&t, 0);
        CU_ASSERT_TRUE(troupe_until(&t, "promoted\n", 1100));
        CU_ASSERT_TRUE(t.now_ms - killed < 1000 + 100);
        troupe_run(&t, 50);
        CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), machines);
        CU_ASSERT_EQUAL(troupe_count(&t, "+try-failover"), 1);
        troupe_fini(&t);
    }
}

UNIT_TEST(election, of_twenty_primaries_at_once_takes_one_round_each) {
    struct troupe t;
    troupe_init(&t, 5, 40);
    struct primary_config many[20];
    char texts[20][2][16];
    t.config.quorum = 3;
    for (unsigned i = 0; i < 20; i++) {
        snprintf(texts[i][0], sizeof texts[i][0], "p%u", i);
        snprintf(texts[i][1], sizeof texts[i][1], "10.0.0.%u", 2 * i + 1);
        many[i] = t.config;
        many[i].name = texts[i][0];
        many[i].host = texts[i][1];
        t.node[2 * i].follows = -1;
        t.node[2 * i + 1].follows = (int)(2 * i);
    }
    t.base.primaries = many;
    t.base.primary_count = 20;
    troupe_start(&t);
    troupe_run(&t, 4000);
    int64_t killed = t.now_ms;
    for (unsigned i = 0; i < 20; i++) troupe_kill(&t, 2 * i);
    while (troupe_count(&t, "+promoted-slave") < 20 && t.now_ms < killed + 3000) troupe_run(&t, 10);
    CU_ASSERT_TRUE(t.now_ms - killed < 1000 + 250);
    CU_ASSERT_EQUAL(troupe_count(&t, "+promoted-slave"), 20);
    troupe_run(&t, 100);
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), 100);
    CU_ASSERT_EQUAL(troupe_count(&t, "+try-failover"), 20);
    troupe_fini(&t);
}

/* The machine of that rank, which finds the primary down later from now on. */
static unsigned make_late(struct troupe *t, size_t rank, const char *down_after) {
    unsigned late = 0;
    for (unsigned m = 0; m < t->machines; m++)
        if (election_rank(troupe_primary(t, m)) == rank) late = m;
    struct option_change change = {.name = SLICE("down-after-milliseconds"), .value = slice_text(down_after)};
    troupe_event(t, late, &(struct event){.kind = EVENT_SET,
                                          .set = {.name = SLICE("mymaster"), .options = &change, .count = 1}});
    return late;
}

UNIT_TEST(election, waits_for_nobody_who_does_not_find_it_down) {
    struct troupe t;
    troupe_init(&t, 5, 2);
    t.config.quorum = 3;
    troupe_start(&t);
    troupe_run(&t, 4000);
    (void)make_late(&t, 0, "30000");
    (void)make_late(&t, 1, "30000");
    troupe_run(&t, 200);
    int64_t killed = t.now_ms;
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE(troupe_until(&t, "+switch-master", 1100));
    CU_ASSERT_TRUE(t.now_ms - killed <= 1000 + 20); /* two slots would be 44 */
    CU_ASSERT_EQUAL(troupe_count(&t, "+try-failover"), 1);
    troupe_fini(&t);
}

UNIT_TEST(election, who_comes_late_lets_the_others_go_first) {
    static const char *const late[] = {"1001", "1002", "1003", "1004", "1006", "1008", "1012"};
    for (size_t i = 0; i < COUNT_OF(late); i++) {
        struct troupe t;
        troupe_init(&t, 5, 2);
        t.config.quorum = 3;
        troupe_start(&t);
        troupe_run(&t, 4000);
        (void)make_late(&t, 0, late[i]);
        troupe_run(&t, 200);
        troupe_kill(&t, 0);
        CU_ASSERT_TRUE(troupe_until(&t, "+switch-master", 1100));
        troupe_run(&t, 100);
        CU_ASSERT_EQUAL(troupe_count(&t, "+try-failover"), 1);
        CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), 5);
        troupe_fini(&t);
    }
}

static void says_down(struct solo *s, int64_t now_ms, const char *client_name) {
    struct event event = {.kind = EVENT_VOTE_REQUEST,
                          .token = 1,
                          .vote = {.ip = SLICE("10.0.0.1"), .port = 6379, .run_id = SLICE("*")}};
    event.vote.client_name = slice_text(client_name);
    (void)solo_at(s, now_ms, &event);
}

/* When the one stands who finds it down at 1000 ms, after two others said so at 900 ms. */
static int64_t stands_ms(bool others_repeat_it) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    (void)solo_hello(&s, 500, "10.0.1.9,1001," ID_B ",0,mymaster,10.0.0.1,6379,0");
    (void)solo_hello(&s, 500, "10.0.1.9,1002," ID_C ",0,mymaster,10.0.0.1,6379,0");
    solo_connect_all(&s, 500);
    says_down(&s, 900, "sentinel-bbbbbbbb-cmd");
    says_down(&s, 900, "sentinel-cccccccc-cmd");
    int64_t down_ms = solo_primary(&s)->instance->down_after_ms + solo_primary(&s)->instance->proof_ms;
    (void)solo_run(&s, down_ms - 1);
    CU_ASSERT_FALSE(solo_primary(&s)->instance->s_down);
    if (others_repeat_it) {
        says_down(&s, down_ms, "sentinel-bbbbbbbb-cmd");
        says_down(&s, down_ms, "sentinel-cccccccc-cmd");
    }
    (void)solo_run(&s, down_ms);
    CU_ASSERT_TRUE(solo_primary(&s)->o_down);
    int64_t wait_ms = solo_primary(&s)->failover.stand_ms - down_ms;
    CU_ASSERT_TRUE(wait_ms >= 2 * election_slot_ms(solo_primary(&s)));
    solo_fini(&s);
    return wait_ms;
}

/* It asks again every now and then: that makes nobody find the primary down later (scenario many-50-50-7). */
UNIT_TEST(election, who_repeats_that_it_is_down_said_so_when_he_first_did) {
    CU_ASSERT_EQUAL(stands_ms(true), stands_ms(false));
}

/* All of its requests are answered: it voted for another. */
static void votes_for_another(struct solo *s, const char *id) {
    struct reply_view children[3] = {INTEGER(1), BULK(ID_D), INTEGER((int64_t)solo_primary(s)->failover.epoch)};
    struct reply_view reply = {.kind = REPLY_VIEW_ARRAY, .children = children, .count = 3};
    uint32_t peer = primary_find_seat(solo_primary(s), slice_text(id))->peer->number;
    CU_ASSERT_TRUE(solo_reply(s, s->now_ms, peer, REQUEST_ASK, reply));
    while (solo_reply(s, s->now_ms, peer, REQUEST_ASK, reply)) continue;
}

UNIT_TEST(election, a_lost_round_is_repeated_at_once_in_a_higher_epoch) {
    struct solo s;
    solo_init(&s);
    s.config.quorum = 2;
    solo_start(&s, NULL, 0);
    (void)solo_hello(&s, 500, "10.0.1.9,1001," ID_B ",0,mymaster,10.0.0.1,6379,0");
    (void)solo_hello(&s, 500, "10.0.1.9,1002," ID_C ",0,mymaster,10.0.0.1,6379,0");
    solo_connect_all(&s, 500);
    const struct failover *failover = &solo_primary(&s)->failover;
    int64_t down_ms = solo_primary(&s)->instance->down_after_ms + solo_primary(&s)->instance->proof_ms;
    (void)solo_run(&s, down_ms - 1);
    says_down(&s, down_ms - 1, "sentinel-bbbbbbbb-cmd");
    (void)solo_run(&s, down_ms + 100);
    CU_ASSERT_EQUAL(failover->sm.state, FAILOVER_WAIT_START);
    uint64_t epoch = failover->epoch;
    votes_for_another(&s, ID_B);
    CU_ASSERT_EQUAL(failover->sm.state, FAILOVER_WAIT_START); /* C and we may still do */
    votes_for_another(&s, ID_C);
    CU_ASSERT_EQUAL(failover->sm.state, FAILOVER_NONE);
    (void)solo_run(&s, s.now_ms + 4 * election_slot_ms(solo_primary(&s)));
    CU_ASSERT_EQUAL(failover->sm.state, FAILOVER_WAIT_START);
    CU_ASSERT_EQUAL(failover->epoch, epoch + 1);
    CU_ASSERT_EQUAL(failover->record.rounds, 2);
    solo_fini(&s);
}
