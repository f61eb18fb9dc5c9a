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
