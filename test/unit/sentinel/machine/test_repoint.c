#include "lib/unit.h"
#include "troupe.h"

static void go(struct troupe *t, unsigned nodes) {
    troupe_init(t, 3, nodes);
    troupe_start(t);
    troupe_run(t, 4000);
}

UNIT_TEST(repoint, a_stranger_that_calls_itself_a_primary_after_a_while) {
    struct troupe t;
    go(&t, 3);
    t.node[2].follows = -1;
    troupe_run(&t, 10000);                  /* until INFO tells */
    CU_ASSERT_EQUAL(t.node[2].follows, -1); /* the hello of a sentinel that knows better gets time to come */
    troupe_run(&t, 10000);
    CU_ASSERT_EQUAL(t.node[2].follows, 0);
    CU_ASSERT_TRUE(troupe_count(&t, "+convert-to-slave slave 10.0.0.3:6379 10.0.0.3 6379 @ mymaster 10.0.0.1 6379") >=
                   1);
    troupe_fini(&t);
}

UNIT_TEST(repoint, a_replica_of_the_wrong_primary) {
    struct troupe t;
    go(&t, 3);
    t.node[2].follows = 1;
    troupe_run(&t, 20000);
    CU_ASSERT_EQUAL(t.node[2].follows, 0);
    CU_ASSERT_TRUE(troupe_count(&t, "+fix-slave-config slave 10.0.0.3:6379") >= 1);
    troupe_fini(&t);
}

UNIT_TEST(repoint, nobody_while_the_primary_is_down) {
    struct troupe t;
    go(&t, 2);
    t.node[1].priority = 0;
    troupe_run(&t, 11000);
    troupe_kill(&t, 0);
    t.node[1].follows = -1;
    troupe_run(&t, 20000);
    CU_ASSERT_EQUAL(troupe_count(&t, "+convert-to-slave"), 0);
    troupe_fini(&t);
}

UNIT_TEST(repoint, says_why_an_order_was_refused) {
    struct troupe t;
    go(&t, 3);
    t.node[2].follows = 1;
    t.node[2].refuses = "SLAVEOF";
    troupe_run(&t, 20000);
    CU_ASSERT_TRUE(troupe_count(&t,
                                "-order-refused slave 10.0.0.3:6379 10.0.0.3 6379 @ mymaster 10.0.0.1 6379 repoint: "
                                "NOPERM") >= 1);
    troupe_fini(&t);
}

/* Replicas that a leader left behind are told by the others, also by those who heard of the switch from another. */
UNIT_TEST(repoint, what_a_dead_leader_left_is_done_at_once) {
    struct troupe t;
    troupe_init(&t, 5, 4);
    t.config.quorum = 3;
    t.config.parallel_syncs = 1;
    troupe_start(&t);
    troupe_run(&t, 4000);
    for (int round = 0; round < 2; round++) { /* the second time back to a primary that the replicas followed before */
        for (unsigned m = 0; m < 5; m++)
            troupe_event(&t, m, &(struct event){.kind = EVENT_SIMULATE_FAILURE, .simulate = SIMULATE_CRASH_AFTER_PROMOTION});
        int old = troupe_believes(&t, 0);
        troupe_kill(&t, (unsigned)old);
        size_t from = t.log.size;
        while (!strstr(t.log.data + from, " gone")) troupe_run(&t, 1);
        unsigned dead = 0, alive = 0;
        while (t.machine[dead]) dead++;
        while (!t.machine[alive]) alive++;
        for (unsigned m = 0; m < 5; m++)
            if (t.machine[m]) troupe_event(&t, m, &(struct event){.kind = EVENT_SIMULATE_FAILURE});
        troupe_run(&t, 400);
        int primary = troupe_believes(&t, alive);
        CU_ASSERT_NOT_EQUAL(primary, old);
        for (int n = 0; n < 4; n++)
            if (n != primary && n != old) CU_ASSERT_EQUAL(t.node[n].follows, primary);
        troupe_restart_machine(&t, dead);
        troupe_return(&t, (unsigned)old, -1);
        troupe_run(&t, 3000);
    }
    troupe_fini(&t);
}
