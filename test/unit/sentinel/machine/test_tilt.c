#include "lib/unit.h"
#include "troupe.h"

UNIT_TEST(tilt, a_stopped_sentinel_blames_nobody) {
    struct troupe t;
    troupe_init(&t, 3, 3);
    t.config.down_after_ms = 200;
    troupe_start(&t);
    troupe_run(&t, 3000);
    t.paused[0] = true;
    troupe_run(&t, 5000);
    size_t before = t.log.size;
    t.paused[0] = false;
    troupe_run(&t, 5000);
    CU_ASSERT_PTR_NOT_NULL(strstr(t.log.data + before, "S1 +tilt #tilt mode entered"));
    CU_ASSERT_PTR_NOT_NULL(strstr(t.log.data + before, "S1 -tilt #tilt mode exited"));
    CU_ASSERT_PTR_NULL(strstr(t.log.data + before, "S1 +sdown"));
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), 0);
    CU_ASSERT_EQUAL(machine_world(t.machine[0])->tilts, 1);
    troupe_fini(&t);
}

UNIT_TEST(tilt, short_stalls_move_deadlines_without_a_word) {
    struct troupe t;
    troupe_init(&t, 1, 2);
    t.config.quorum = 1;
    t.config.down_after_ms = 100;
    troupe_start(&t);
    for (int i = 0; i < 20; i++) {
        troupe_run(&t, 50);
        t.paused[0] = true;
        troupe_run(&t, 150);
        t.paused[0] = false;
    }
    troupe_run(&t, 500);
    CU_ASSERT_EQUAL(troupe_count(&t, "sdown"), 0);
    CU_ASSERT_EQUAL(troupe_count(&t, "tilt"), 0);
    CU_ASSERT_TRUE(machine_world(t.machine[0])->stalls >= 19);
    troupe_fini(&t);
}

UNIT_TEST(tilt, a_primary_that_died_meanwhile_is_still_found) {
    struct troupe t;
    troupe_init(&t, 3, 2);
    troupe_start(&t);
    troupe_run(&t, 3000);
    for (unsigned m = 0; m < 3; m++) t.paused[m] = true;
    troupe_run(&t, 1000);
    troupe_kill(&t, 0);
    troupe_run(&t, 4000);
    for (unsigned m = 0; m < 3; m++) t.paused[m] = false;
    troupe_run(&t, 1300); /* TILT, then at once */
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), 3);
    troupe_fini(&t);
}

UNIT_TEST(tilt, lasts_no_longer_than_answers_take) {
    struct troupe t;
    troupe_init(&t, 3, 3);
    t.config.down_after_ms = 200;
    troupe_start(&t);
    troupe_run(&t, 3000);
    t.paused[0] = true;
    troupe_run(&t, 5000);
    t.paused[0] = false;
    troupe_run(&t, 1);
    troupe_kill(&t, 0);
    troupe_run(&t, 200 + 20 + 5); /* a ping period more than usual */
    CU_ASSERT_PTR_NOT_NULL(strstr(t.log.data, "S1 +tilt"));
    CU_ASSERT_PTR_NOT_NULL(strstr(t.log.data, "S1 -tilt"));
    CU_ASSERT_PTR_NOT_NULL(strstr(t.log.data, "S1 +sdown master mymaster"));
    troupe_fini(&t);
}
