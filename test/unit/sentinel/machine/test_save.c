#include "lib/unit.h"
#include "solo.h"

UNIT_TEST(save, batches_what_nobody_waits_for) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    /* A voter is remembered at once; where it is, and epochs, are not waited for. */
    EXPECT_TEXT(solo_hello(&s, 5, "10.0.1.2,26379," ID_B ",3,mymaster,10.0.0.1,6379,0"),
                "+sentinel sentinel " ID_B " 10.0.1.2 26379 @ mymaster 10.0.0.1 6379 ; +new-epoch 3 ; save");
    (void)solo_saved(&s, 6, true);
    (void)solo_hello(&s, 10, "10.0.1.2,26379," ID_B ",4,mymaster,10.0.0.1,6379,0");
    (void)solo_hello(&s, 100, "10.0.1.2,26379," ID_B ",5,mymaster,10.0.0.1,6379,0");
    EXPECT_TEXT(solo_run(&s, 209), "");
    EXPECT_TEXT(solo_run(&s, 210), "save");
    solo_fini(&s);
}

UNIT_TEST(save, one_at_a_time) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    const struct event flush = {.kind = EVENT_FLUSH, .token = 6};
    EXPECT_TEXT(solo_at(&s, 1, &flush), "save");
    EXPECT_TEXT(solo_at(&s, 2, &flush), ""); /* its change came after the save began */
    EXPECT_TEXT(solo_saved(&s, 3, true), "answer 6: OK ; save");
    EXPECT_TEXT(solo_saved(&s, 4, true), "answer 6: OK");
    EXPECT_TEXT(solo_at(&s, 5, &flush), "save");
    EXPECT_TEXT(solo_saved(&s, 6, false),
                "-state-save-failed No space left on device (no votes until it can be written) ; "
                "answer 6: error ERR Failed to save the state file: No space left on device");
    EXPECT_TEXT(solo_at(&s, 7, &flush), "save"); /* the operator may have made room */
    EXPECT_TEXT(solo_saved(&s, 8, true), "+state-saved the state is on disk again ; answer 6: OK");
    solo_fini(&s);
}
