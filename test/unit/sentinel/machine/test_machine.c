#include "lib/unit.h"
#include "troupe.h"

#include <stdio.h>
#include <stdlib.h>

static void show(const struct troupe *troupe) {
    if (getenv("SHOW")) printf("%s\n", bytes_text(&troupe->log));
}

UNIT_TEST(machine, sentinels_and_replicas_find_each_other) {
    struct troupe t;
    troupe_init(&t, 3, 3);
    troupe_start(&t);
    troupe_run(&t, 3000);
    for (unsigned m = 0; m < 3; m++) {
        struct primary *primary = troupe_primary(&t, m);
        CU_ASSERT_EQUAL(primary->replica_count, 2);
        CU_ASSERT_EQUAL(primary->seat_count, 2);
        CU_ASSERT_EQUAL(primary_usable(primary), 3);
        CU_ASSERT_FALSE(primary->instance->s_down);
    }
    show(&t);
    CU_ASSERT_EQUAL(troupe_count(&t, "sdown"), 0);
    troupe_fini(&t);
}

UNIT_TEST(machine, a_killed_primary_is_replaced_within_milliseconds) {
    struct troupe t;
    troupe_init(&t, 3, 3);
    troupe_start(&t);
    troupe_run(&t, 5000);
    t.node[2].offset = 2000;
    int64_t killed = t.now_ms;
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE_FATAL(troupe_until(&t, "promoted\n", 1500));
    CU_ASSERT_TRUE(t.now_ms - killed < 1000 + 15);
    troupe_run(&t, 20);
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master mymaster 10.0.0.1 6379 10.0.0.3 6379"), 3);
    troupe_run(&t, 10000);
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), 3);
    CU_ASSERT_EQUAL(troupe_count(&t, "+try-failover"), 1);
    CU_ASSERT_EQUAL(t.node[1].follows, 2);
    troupe_return(&t, 0, -1);
    troupe_run(&t, 150);
    CU_ASSERT_EQUAL(t.node[0].follows, 2);
    show(&t);
    troupe_fini(&t);
}
