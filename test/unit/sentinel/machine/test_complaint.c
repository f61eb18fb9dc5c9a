#include "sentinel/machine/complaint.h"
#include "lib/unit.h"
#include "solo.h"

#include <stdio.h>

UNIT_TEST(complaint, is_told_once_in_a_while_and_counted_always) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    EXPECT_TEXT(solo_hello(&s, 10, "first"), "-bad-input #a hello has fewer than eight fields: \"first\"");
    for (int i = 0; i < 1000; i++) EXPECT_TEXT(solo_hello(&s, 11, "again"), "");
    /* Another kind has its own time. */
    EXPECT_TEXT(solo_hello(&s, 12, "10.0.1.2,26379," ID_B ",0,other,10.0.0.1,6379,0"),
                "-bad-input #a hello of a primary that is not watched here: \"other\"");
    (void)solo_run(&s, 10 + COMPLAINT_PERIOD_MS);
    EXPECT_TEXT(solo_hello(&s, 10 + COMPLAINT_PERIOD_MS, "last"),
                "-bad-input #a hello has fewer than eight fields: \"last\" (and 1000 more of this kind before)");
    CU_ASSERT_EQUAL(solo_world(&s)->complaint_count, 1003);
    solo_fini(&s);
}

UNIT_TEST(complaint, quotes_what_was_said_and_cuts_it) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    char said[1001];
    memset(said, 'x', sizeof said - 1);
    memcpy(said, "\r\n1:X +sdown\t\x1b[0m", 17);
    said[sizeof said - 1] = 0;
    const char *told = solo_hello(&s, 10, said);
    CU_ASSERT_PTR_NOT_NULL(strstr(told, "\"\\r\\n1:X +sdown\\t\\x1b[0m"));
    CU_ASSERT_PTR_NOT_NULL(strstr(told, "... (1000 bytes)"));
    CU_ASSERT_TRUE(strlen(told) < 250);
    solo_fini(&s);
}

UNIT_TEST(complaint, about_wrong_replies) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    solo_connect_all(&s, 10);
    (void)solo_run(&s, 20);
    uint32_t number = solo_primary(&s)->instance->number;
    CU_ASSERT_TRUE(solo_reply(&s, 30, number, REQUEST_PING, BULK("a\nb")));
    EXPECT_TEXT(bytes_text(&s.text), "-bad-input master mymaster 10.0.0.1 6379 #PING was answered with a text: \"a\\nb\"");
    EXPECT_TEXT(solo_primary(&s)->instance->last_ping_text, "a?b");
    CU_ASSERT_TRUE(solo_reply(&s, 31, number, REQUEST_INFO, INTEGER(7)));
    EXPECT_TEXT(bytes_text(&s.text), "-bad-input master mymaster 10.0.0.1 6379 #INFO was answered with an integer");
    CU_ASSERT_TRUE(solo_primary(&s)->instance->role_reported == ROLE_PRIMARY);
    solo_fini(&s);
}
