#include "lib/unit.h"
#include "sentinel/machine/fresh.h"
#include "solo.h"
#include "troupe.h"

#define HELLO(id, port, epoch) "10.0.1.9," port "," id "," epoch ",mymaster,10.0.0.1,6379,0"
#define VOTE(at, id, epoch, expected) EXPECT_TEXT(solo_vote(&s, at, id, epoch), expected)

static void begin(struct solo *s, uint32_t quorum) {
    solo_init(s);
    s->config.quorum = quorum;
    s->is_fresh = true;
    solo_start(s, NULL, 0);
}

static bool is_fresh(struct solo *s) {
    return solo_primary(s)->fresh;
}

/* On a data node anybody may be quoted late; only what is said to us counts. */
static void on_node(struct solo *s, int64_t now_ms, const char *payload) {
    (void)solo_at(s, now_ms,
                  &(struct event){.kind = EVENT_HELLO,
                                  .hello = {.instance = solo_primary(s)->instance->number, .payload = slice_text(payload)}});
}

UNIT_TEST(fresh, votes_when_a_quorum_of_others_spoke_and_beyond_what_they_said) {
    struct solo s;
    begin(&s, 2);
    solo_connect_all(&s, 10);
    VOTE(100, ID_B, 3, "+new-epoch 3 ; answer 1: up, vote * 0");
    on_node(&s, 110, HELLO(ID_B, "1001", "5"));
    on_node(&s, 110, HELLO(ID_C, "1002", "5"));
    CU_ASSERT(is_fresh(&s));
    (void)solo_hello(&s, 120, HELLO(ID_B, "1001", "5"));
    CU_ASSERT(is_fresh(&s)); /* one of two */
    (void)solo_hello(&s, 130, HELLO(ID_B, "1001", "6"));
    CU_ASSERT(is_fresh(&s)); /* still the same one */
    (void)solo_hello(&s, 140, HELLO(ID_C, "1002", "7"));
    CU_ASSERT_FALSE(is_fresh(&s));
    CU_ASSERT_EQUAL(solo_primary(&s)->vote_epoch, 7);
    while (solo_world(&s)->save_sequence) (void)solo_saved(&s, 150, true);
    VOTE(160, ID_B, 7, "answer 1: up, vote * 0");
    VOTE(170, ID_B, 8, "+new-epoch 8 ; +vote-for-leader " ID_B " 8 ; save");
    solo_fini(&s);
}

UNIT_TEST(fresh, waits_for_everybody_it_has_met_and_can_reach) {
    struct solo s;
    begin(&s, 2);
    on_node(&s, 100, HELLO(ID_D, "1003", "0"));
    (void)solo_hello(&s, 120, HELLO(ID_B, "1001", "0"));
    (void)solo_hello(&s, 130, HELLO(ID_C, "1002", "0"));
    CU_ASSERT(is_fresh(&s));
    (void)solo_run(&s, 9999);
    CU_ASSERT(is_fresh(&s) || primary_find_seat(solo_primary(&s), SLICE(ID_D))->peer->s_down);
    (void)solo_run(&s, 10000);
    CU_ASSERT_FALSE(is_fresh(&s)); /* but not for ever */
    solo_fini(&s);
}

static void counts(struct solo *s, int64_t now_ms, struct reply_view others) {
    struct reply_view fields[] = {BULK("name"), BULK("mymaster"), BULK("num-other-sentinels"), others};
    uint32_t peer = primary_find_seat(solo_primary(s), SLICE(ID_B))->peer->number;
    struct reply_view reply = {.kind = REPLY_VIEW_ARRAY, .children = fields, .count = COUNT_OF(fields)};
    CU_ASSERT(solo_reply(s, now_ms, peer, REQUEST_CENSUS, reply));
}

UNIT_TEST(fresh, counts_the_others_where_the_quorum_is_all_of_them) {
    struct solo s;
    begin(&s, 2);
    (void)solo_hello(&s, 20, HELLO(ID_B, "1001", "4"));
    solo_connect_all(&s, 30);
    (void)solo_run(&s, 500);
    CU_ASSERT(is_fresh(&s)); /* there may be a third */
    (void)solo_run(&s, 1100);
    counts(&s, 1110, BULK("2"));
    CU_ASSERT(is_fresh(&s)); /* there is */
    (void)solo_run(&s, 2200);
    counts(&s, 2210, BULK("1"));
    CU_ASSERT_FALSE(is_fresh(&s));
    CU_ASSERT_EQUAL(solo_primary(&s)->vote_epoch, 4);
    solo_fini(&s);
}

static void primary_answers(struct solo *s, int64_t now_ms) {
    solo_connect_all(s, now_ms);
    CU_ASSERT(solo_reply(s, now_ms, solo_primary(s)->instance->number, REQUEST_INFO,
                         BULK("role:master\r\nconnected_slaves:1\r\nslave0:ip=10.0.0.2,port=6379,state=online,"
                              "offset=1,lag=0\r\n")));
}

/* A simulator's seeds (5678, 7361): it had not reached the primary yet, elected itself in epoch 1, and so did the
 * others without it. */
UNIT_TEST(fresh, alone_does_not_stand_for_a_primary_that_never_answered) {
    struct solo s;
    begin(&s, 1);
    const char *told = solo_run(&s, 20000);
    CU_ASSERT_PTR_NOT_NULL(strstr(told, "+odown"));
    CU_ASSERT_PTR_NULL(strstr(told, "+try-failover"));
    CU_ASSERT_EQUAL(solo_world(&s)->current_epoch, 0);
    solo_fini(&s);
}

UNIT_TEST(fresh, alone_fails_over_at_once_when_the_primary_had_answered) {
    struct solo s;
    begin(&s, 1);
    primary_answers(&s, 10);
    CU_ASSERT_PTR_NOT_NULL(strstr(solo_run(&s, 1100), "+odown"));
    CU_ASSERT_EQUAL(solo_world(&s)->current_epoch, 1);
    solo_fini(&s);
}

UNIT_TEST(fresh, listens_before_it_takes_those_it_met_for_all_there_are) {
    struct solo s;
    begin(&s, 1);
    primary_answers(&s, 10);
    (void)solo_hello(&s, 20, HELLO(ID_B, "1001", "0"));
    CU_ASSERT(is_fresh(&s));
    CU_ASSERT_FALSE(fresh_may_stand(solo_primary(&s)));
    (void)solo_run(&s, 59);
    CU_ASSERT(is_fresh(&s));
    (void)solo_run(&s, 60);
    CU_ASSERT_FALSE(is_fresh(&s));
    solo_fini(&s);
}

UNIT_TEST(fresh, alone_with_quorum_1_acts_soon_but_votes_for_nobody_else) {
    struct solo s;
    begin(&s, 1);
    CU_ASSERT_FALSE(fresh_may_stand(solo_primary(&s)));
    primary_answers(&s, 10);
    CU_ASSERT_FALSE(fresh_may_stand(solo_primary(&s))); /* others may be about to answer */
    CU_ASSERT(fresh_may_be_forced(solo_primary(&s)));
    (void)solo_run(&s, 60);
    CU_ASSERT(fresh_may_stand(solo_primary(&s)));
    VOTE(100, ID_B, 3, "+new-epoch 3 ; answer 1: up, vote * 0");
    on_node(&s, 110, HELLO(ID_B, "1001", "0"));
    CU_ASSERT_FALSE(fresh_may_stand(solo_primary(&s)));
    (void)solo_hello(&s, 120, HELLO(ID_B, "1001", "0"));
    CU_ASSERT(fresh_may_stand(solo_primary(&s)));
    CU_ASSERT_FALSE(is_fresh(&s));
    solo_fini(&s);
}

UNIT_TEST(fresh, is_what_the_state_says_and_nothing_else) {
    struct solo s;
    struct state_record known = {.kind = STATE_PRIMARY,
                                 .name = "mymaster",
                                 .host = "10.0.0.1",
                                 .port = 6379,
                                 .configured_host = "10.0.0.1",
                                 .configured_port = 6379,
                                 .vote_epoch = 4,
                                 .id = ID_B};
    solo_init(&s);
    s.is_fresh = true;
    solo_start(&s, &known, 1);
    CU_ASSERT_FALSE(is_fresh(&s));
    solo_fini(&s);

    known.fresh = true; /* it stopped before it had heard anybody */
    solo_init(&s);
    s.is_fresh = true;
    solo_start(&s, &known, 1);
    CU_ASSERT(is_fresh(&s));
    struct state_records out;
    state_records_init(&out);
    machine_state(s.machine, &out);
    for (size_t i = 0; i < out.count; i++)
        if (out.items[i].kind == STATE_PRIMARY) CU_ASSERT(out.items[i].fresh);
    state_records_fini(&out);
    solo_fini(&s);
}

UNIT_TEST(fresh, whole_new_set_is_not_slowed) {
    struct troupe t;
    troupe_init(&t, 3, 2);
    troupe_start(&t);
    troupe_run(&t, 200);
    for (unsigned i = 0; i < 3; i++) CU_ASSERT_FALSE(troupe_primary(&t, i)->fresh);
    troupe_fini(&t);
}

UNIT_TEST(fresh, former_self_is_no_other_sentinel) {
    struct solo s;
    begin(&s, 2);
    (void)solo_hello(&s, 100, "10.0.1.1,26379," ID_B ",0,mymaster,10.0.0.1,6379,0");
    CU_ASSERT_EQUAL(solo_primary(&s)->seat_count, 0);
    solo_fini(&s);
}
