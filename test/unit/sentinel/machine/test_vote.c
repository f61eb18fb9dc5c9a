#include "lib/unit.h"
#include "solo.h"

#define VOTE(at, id, epoch, expected) EXPECT_TEXT(solo_vote(&s, at, id, epoch), expected)
#define SAVED(at, ok, expected) EXPECT_TEXT(solo_saved(&s, at, ok), expected)

UNIT_TEST(vote, is_given_once_per_epoch_and_only_from_disk) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    VOTE(100, ID_B, 8, "+new-epoch 8 ; +vote-for-leader " ID_B " 8 ; save");
    VOTE(101, ID_C, 8, ""); /* waits as well: what it will be told is not on disk yet */
    SAVED(103, true, "answer 1: up, vote " ID_B " 8 ; answer 1: up, vote " ID_B " 8");
    VOTE(104, ID_C, 8, "answer 1: up, vote " ID_B " 8");
    VOTE(105, ID_B, 8, "answer 1: up, vote " ID_B " 8");
    VOTE(106, ID_C, 7, "answer 1: up, vote " ID_B " 8");
    VOTE(107, ID_C, 9, "+new-epoch 9 ; +vote-for-leader " ID_C " 9 ; save");
    SAVED(108, true, "answer 1: up, vote " ID_C " 9");
    solo_fini(&s);
}

UNIT_TEST(vote, is_refused_while_the_disk_fails) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    VOTE(100, ID_B, 1, "+new-epoch 1 ; +vote-for-leader " ID_B " 1 ; save");
    SAVED(101, false,
          "-state-save-failed No space left on device (no votes until it can be written) ; "
          "answer 1: up, vote * 0");
    VOTE(102, ID_B, 2, "+new-epoch 2 ; answer 1: up, vote * 0");
    EXPECT_TEXT(solo_run(&s, 1101), "+sdown master mymaster 10.0.0.1 6379 ; save");
    SAVED(1102, true, "+state-saved the state is on disk again");
    VOTE(1103, ID_C, 1, "answer 1: down, vote " ID_B " 1"); /* what was promised to nobody still binds */
    VOTE(1104, ID_C, 2, "+vote-for-leader " ID_C " 2 ; save");
    solo_fini(&s);
}

UNIT_TEST(vote, ignores_epochs_that_nobody_can_have_reached) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    VOTE(1, ID_B, INT64_MAX,
         "-bad-input #a vote for mymaster was asked in epoch 9223372036854775807, which is too far ahead of 0, by: "
         "\"" ID_B "\" ; answer 1: up, vote * 0");
    VOTE(2, ID_B, -1, "answer 1: up, vote * 0");
    VOTE(3, ID_B, INT64_MIN, "answer 1: up, vote * 0");
    VOTE(4, ID_B, (int64_t)1 << 33, "answer 1: up, vote * 0");
    VOTE(5, ID_B, 0, "answer 1: up, vote * 0");
    VOTE(6, "short", 1,
         "-bad-input #a vote for mymaster was asked for a candidate whose id is not 40 hexadecimal digits: \"short\" ; "
         "answer 1: up, vote * 0");
    VOTE(7, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n", 1, "answer 1: up, vote * 0");
    CU_ASSERT_EQUAL(solo_world(&s)->current_epoch, 0);
    solo_fini(&s);
}

UNIT_TEST(vote, needs_the_address_that_we_know) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    struct event event = {.kind = EVENT_VOTE_REQUEST,
                          .token = 4,
                          .vote = {.ip = SLICE("10.0.0.9"), .port = 6379, .epoch = 3, .run_id = SLICE(ID_B)}};
    EXPECT_TEXT(solo_at(&s, 1, &event), "answer 4: up, vote * 0");
    event.vote.ip = SLICE("10.0.0.1");
    event.vote.port = 70000;
    EXPECT_TEXT(solo_at(&s, 2, &event), "answer 4: up, vote * 0");
    event.vote.port = 6379;
    event.vote.run_id = SLICE("*");
    EXPECT_TEXT(solo_at(&s, 3, &event), "answer 4: up, vote * 0");
    CU_ASSERT_EQUAL(solo_primary(&s)->vote_epoch, 0);
    solo_fini(&s);
}

UNIT_TEST(vote, survives_a_restart) {
    const struct state_record state[] = {
        {.kind = STATE_SELF, .id = ID_D, .epoch = 12},
        {.kind = STATE_PRIMARY,
         .name = "mymaster",
         .host = "10.0.0.1",
         .port = 6379,
         .configured_host = "10.0.0.1",
         .configured_port = 6379,
         .config_epoch = 4,
         .vote_epoch = 11,
         .id = ID_B},
    };
    struct solo s;
    solo_init(&s);
    solo_start(&s, state, 2);
    EXPECT_TEXT(solo_world(&s)->id, ID_D);
    VOTE(1, ID_C, 11, "answer 1: up, vote " ID_B " 11");
    VOTE(2, ID_C, 12, "+vote-for-leader " ID_C " 12 ; save"); /* votes belong to a primary and an epoch */
    solo_fini(&s);
}

UNIT_TEST(vote, is_not_given_in_an_epoch_that_was_decided) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    (void)solo_hello(&s, 1, "10.0.1.2,26379," ID_B ",9,mymaster,10.0.0.1,6379,9");
    VOTE(2, ID_C, 9, "answer 1: up, vote * 0");
    solo_fini(&s);
}

UNIT_TEST(vote, request_tells_who_finds_the_primary_down) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    (void)solo_hello(&s, 1, "10.0.1.2,26379," ID_B ",0,mymaster,10.0.0.1,6379,0");
    solo_connect_all(&s, 2);
    struct event event = {.kind = EVENT_VOTE_REQUEST,
                          .vote = {.ip = SLICE("10.0.0.1"),
                                   .port = 6379,
                                   .run_id = SLICE("*"),
                                   .client_name = SLICE("sentinel-bbbbbbbb-cmd")}};
    (void)solo_run(&s, 990);
    (void)solo_at(&s, 990, &event);
    CU_ASSERT_FALSE(solo_primary(&s)->o_down);
    const char *text = solo_run(&s, 1000);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "+odown master mymaster 10.0.0.1 6379 #quorum 2/2"));
    solo_fini(&s);
}

static const struct action *find_answer(const struct solo *s) {
    for (size_t i = 0; i < s->actions.count; i++)
        if (s->actions.items[i].kind == ACTION_ANSWER) return &s->actions.items[i];
    return NULL;
}

UNIT_TEST(vote, is_answered_at_once_to_who_can_hold_the_answer_back) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    struct event event = {
        .kind = EVENT_VOTE_REQUEST,
        .token = 1,
        .vote = {.ip = SLICE("10.0.0.1"), .port = 6379, .epoch = 1, .run_id = SLICE(ID_B), .can_hold = true}};
    (void)solo_at(&s, 1, &event);
    const struct action *answer = find_answer(&s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    EXPECT_TEXT(answer->answer.leader, ID_B);
    CU_ASSERT(answer->answer.after > 0 && answer->answer.after == solo_world(&s)->save_sequence);
    CU_ASSERT_EQUAL(solo_primary(&s)->saved_vote_epoch, 0);
    (void)solo_saved(&s, 2, true);
    CU_ASSERT_PTR_NULL(find_answer(&s));
    CU_ASSERT_EQUAL(solo_primary(&s)->saved_vote_epoch, 1);
    (void)solo_at(&s, 3, &event); /* what is on disk may leave at once */
    answer = find_answer(&s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    CU_ASSERT_EQUAL(answer->answer.after, 0);
    event.vote.epoch = 2;
    (void)solo_at(&s, 4, &event);
    (void)solo_saved(&s, 5, false);
    event.vote.epoch = 3; /* nothing is promised while the disk fails */
    (void)solo_at(&s, 6, &event);
    answer = find_answer(&s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    EXPECT_TEXT(answer->answer.leader, "*");
    CU_ASSERT_EQUAL(answer->answer.after, 0);
    solo_fini(&s);
}
