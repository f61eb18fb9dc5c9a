#include "lib/unit.h"
#include "troupe.h"

#include <stdlib.h>

/* Three sentinels, three nodes, half a minute of down-after: whatever happens sooner is the fast path's doing. */
static void begin(struct troupe *t, bool fast) {
    troupe_init(t, 3, 3);
    t->config.down_after_ms = 30000;
    t->config.fast_failover = fast;
    troupe_start(t);
    troupe_run(t, 5000);
}

UNIT_TEST(gone, is_who_resets_and_refuses) {
    struct troupe t;
    begin(&t, true);
    int64_t killed_ms = t.now_ms;
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE(troupe_until(&t, "+promoted-slave", 50));
    CU_ASSERT(t.now_ms - killed_ms <= 50);
    troupe_run(&t, 1000);
    CU_ASSERT_EQUAL(troupe_count(&t, "+elected-leader"), 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), 3);
    troupe_return(&t, 0, -1);
    troupe_run(&t, 10000);
    CU_ASSERT_EQUAL(troupe_count(&t, "+elected-leader"), 1);
    troupe_fini(&t);
}

UNIT_TEST(gone, is_nobody_unless_asked_for) {
    struct troupe t;
    begin(&t, false);
    troupe_kill(&t, 0);
    troupe_run(&t, 29000);
    CU_ASSERT_EQUAL(troupe_count(&t, "+sdown master"), 0);
    CU_ASSERT_TRUE(troupe_until(&t, "+promoted-slave", 2000));
    troupe_fini(&t);
}

UNIT_TEST(gone, is_nobody_who_is_silent) {
    for (int how = 0; how < 3; how++) {
        struct troupe t;
        begin(&t, true);
        if (how == 0) {
            t.node[0].hung = true;
        } else if (how == 1) {
            t.node[0].silent = true;
        } else {
            for (int i = 0; i < 3; i++) t.cut_node[i][0] = true;
        }
        troupe_run(&t, 28000);
        CU_ASSERT_EQUAL(troupe_count(&t, "+sdown master"), 0);
        troupe_fini(&t);
    }
}

UNIT_TEST(gone, is_nobody_who_restarts_within_the_grace) {
    for (int64_t away_ms = 1; away_ms <= 19; away_ms += 3) {
        struct troupe t;
        begin(&t, true);
        troupe_kill(&t, 0);
        troupe_run(&t, away_ms);
        troupe_return(&t, 0, -1);
        troupe_run(&t, 5000);
        CU_ASSERT_EQUAL(troupe_count(&t, "+sdown master"), 0);
        CU_ASSERT_EQUAL(troupe_believes(&t, 0), 0);
        troupe_fini(&t);
    }
}

UNIT_TEST(gone, needs_the_quorum_to_find_the_same) {
    struct troupe t;
    begin(&t, true);
    t.cut_node[1][0] = t.cut_node[2][0] = true; /* these two see silence */
    troupe_kill(&t, 0);
    troupe_run(&t, 20000);
    CU_ASSERT_EQUAL(troupe_count(&t, "+sdown master"), 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "+odown"), 0);
    CU_ASSERT_TRUE(troupe_until(&t, "+promoted-slave", 15000));
    troupe_fini(&t);
}

UNIT_TEST(gone, lasts_until_it_answers) {
    struct troupe t;
    begin(&t, true);
    for (unsigned i = 1; i < 3; i++) troupe_kill(&t, i); /* nobody can be promoted */
    troupe_run(&t, 1000);
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE(troupe_until(&t, "+odown", 100));
    troupe_run(&t, 3000);
    CU_ASSERT_EQUAL(troupe_count(&t, "-sdown master"), 0);
    CU_ASSERT_TRUE(troupe_primary(&t, 0)->instance->gone);
    troupe_return(&t, 0, -1);
    CU_ASSERT_TRUE(troupe_until(&t, "-odown", 500));
    CU_ASSERT_FALSE(troupe_primary(&t, 0)->instance->gone);
    CU_ASSERT_EQUAL(troupe_count(&t, "+promoted-slave"), 0);
    troupe_fini(&t);
}

UNIT_TEST(gone, has_a_grace_that_can_be_set) {
    struct troupe t;
    begin(&t, true);
    struct option_change change = {SLICE("fast-failover-grace-milliseconds"), SLICE("500"), {0}};
    for (unsigned i = 0; i < 3; i++)
        troupe_event(&t, i, &(struct event){.kind = EVENT_SET, .set = {SLICE("mymaster"), &change, 1}});
    troupe_kill(&t, 0);
    troupe_run(&t, 490);
    CU_ASSERT_EQUAL(troupe_count(&t, "+sdown master"), 0);
    CU_ASSERT_TRUE(troupe_until(&t, "+promoted-slave", 60));
    troupe_fini(&t);
}

/* A failover opens every line anew: who dies right afterwards is not taken for one that only hangs up. */
UNIT_TEST(gone, is_seen_on_lines_that_are_new) {
    struct troupe t;
    begin(&t, true);
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE(troupe_until(&t, "+promoted-slave", 50));
    troupe_run(&t, 100);
    troupe_return(&t, 0, -1);
    troupe_run(&t, 300);
    int next = troupe_believes(&t, 0);
    CU_ASSERT_NOT_EQUAL_FATAL(next, 0);
    troupe_kill(&t, (unsigned)next);
    CU_ASSERT_TRUE(troupe_until(&t, "+promoted-slave", 50));
    troupe_fini(&t);
}

/* One line lost, the other one answers: that is no evidence, also not for the next loss. */
UNIT_TEST(gone, is_nobody_who_answers_on_another_line) {
    struct troupe t;
    begin(&t, true);
    struct instance *primary = troupe_primary(&t, 0)->instance;
    troupe_event(&t, 0, &(struct event){.kind = EVENT_LINE_DOWN,
                                        .line = {primary->number, LINE_PUBSUB, LINE_RESET, SLICE(""), {0}}});
    troupe_run(&t, 1500);
    CU_ASSERT_EQUAL(primary->lost_ms, NEVER);
    CU_ASSERT_FALSE(primary->s_down);
    troupe_fini(&t);
}
