#include "lib/unit.h"
#include "troupe.h"

#define RUN_1 "run_id:1111111111111111111111111111111111111111\r\n"
#define RUN_2 "run_id:2222222222222222222222222222222222222222\r\n"
#define REPLICAS "slave0:ip=10.0.0.2,port=6379,lag=0\r\nslave1:ip=10.0.0.3,port=6379,lag=0\r\n"
#define FULL "role:master\r\n" REPLICAS "master_repl_offset:900\r\n# Keyspace\r\ndb0:keys=10,expires=0\r\ndb3:keys=5,expires=1\r\n"
#define EMPTY "role:master\r\n" REPLICAS "master_repl_offset:0\r\n# Keyspace\r\n"

static void begin(struct troupe *t) {
    troupe_init(t, 3, 3);
    t->node[0].lies = RUN_1 FULL;
    t->node[1].offset = t->node[2].offset = 900;
    troupe_start(t);
    troupe_run(t, 3000);
    CU_ASSERT_EQUAL(troupe_primary(t, 0)->instance->facts.keys, 15);
}

/* Gone for less than down-after. */
static void restart(struct troupe *t, const char *info) {
    troupe_kill(t, 0);
    troupe_run(t, 200);
    t->node[0].lies = info;
    troupe_return(t, 0, -1);
    t->node[1].offset = t->node[2].offset = 900;
    troupe_run(t, 1500);
}

UNIT_TEST(protect, promotes_a_replica_of_a_primary_that_came_back_empty) {
    struct troupe t;
    begin(&t);
    restart(&t, RUN_2 EMPTY);
    CU_ASSERT_EQUAL(troupe_count(&t, "-primary-emptied master mymaster 10.0.0.1 6379 #keys 0 of 15, offset 0 of"), 3);
    CU_ASSERT_EQUAL(troupe_count(&t, "+elected-leader"), 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "+sdown"), 0);
    for (unsigned i = 0; i < 3; i++) CU_ASSERT_NOT_EQUAL(troupe_believes(&t, i), 0);
    troupe_fini(&t);
}

UNIT_TEST(protect, leaves_a_primary_alone_that_kept_its_data) {
    struct troupe t;
    begin(&t);
    restart(&t, RUN_2 FULL);
    CU_ASSERT_EQUAL(troupe_count(&t, "-primary-emptied"), 0);
    CU_ASSERT_EQUAL(troupe_count(&t, "+try-failover"), 0);
    troupe_fini(&t);
}

UNIT_TEST(protect, is_for_restarts_and_waits_until_it_has_loaded) {
    struct troupe t;
    begin(&t);
    t.node[0].lies = RUN_1 EMPTY; /* FLUSHALL */
    troupe_run(&t, 15000);
    CU_ASSERT_EQUAL(troupe_count(&t, "-primary-emptied"), 0);
    troupe_fini(&t);
    begin(&t);
    restart(&t, RUN_2 "loading:1\r\n" EMPTY);
    CU_ASSERT_EQUAL(troupe_count(&t, "-primary-emptied"), 0);
    t.node[0].lies = RUN_2 "loading:0\r\n" EMPTY;
    troupe_run(&t, 1000);
    CU_ASSERT_EQUAL(troupe_count(&t, "-primary-emptied"), 3);
    troupe_fini(&t);
}

UNIT_TEST(protect, can_be_switched_off) {
    struct troupe t;
    troupe_init(&t, 3, 3);
    t.config.unprotected = true;
    t.node[0].lies = RUN_1 FULL;
    troupe_start(&t);
    troupe_run(&t, 3000);
    restart(&t, RUN_2 EMPTY);
    CU_ASSERT_EQUAL(troupe_count(&t, "-primary-emptied"), 0);
    CU_ASSERT_EQUAL(troupe_believes(&t, 0), 0);
    troupe_fini(&t);
}
