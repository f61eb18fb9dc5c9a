/* Names of histories: who may resume where. */
#include "store/replication/history.h"
#include "lib/unit.h"

#define OTHER "0123456789012345678901234567890123456789"

UNIT_TEST(history, a_new_one_has_a_name_and_no_past) {
    struct history a = {0}, b = {0};
    history_start(&a);
    history_start(&b);
    CU_ASSERT_EQUAL(strlen(a.id), 40);
    CU_ASSERT_STRING_NOT_EQUAL(a.id, b.id);
    CU_ASSERT_STRING_EQUAL(a.previous_id, "0000000000000000000000000000000000000000");
    CU_ASSERT_EQUAL(a.previous_until, -1);
    CU_ASSERT_TRUE(history_covers(&a, slice_text(a.id), 1));
    CU_ASSERT_FALSE(history_covers(&a, slice_text(b.id), 1));
    CU_ASSERT_FALSE(history_covers(&a, SLICE("?"), -1));
    CU_ASSERT_FALSE(history_covers(&a, slice_text(a.previous_id), 1)); /* zeros name nothing */
}

UNIT_TEST(history, after_a_promotion_the_old_name_is_good_up_to_there) {
    struct history history = {0};
    history_adopt(&history, SLICE(OTHER), 100);
    CU_ASSERT_STRING_EQUAL(history.id, OTHER);
    CU_ASSERT_EQUAL(history.offset, 100);
    history.offset += 20;
    history_shift(&history);
    CU_ASSERT_STRING_EQUAL(history.previous_id, OTHER);
    CU_ASSERT_EQUAL(history.previous_until, 121);
    history.offset += 50; /* of the new one */
    CU_ASSERT_TRUE(history_covers(&history, SLICE(OTHER), 120));
    CU_ASSERT_TRUE(history_covers(&history, SLICE(OTHER), 121));  /* it has all of the old one and nothing else */
    CU_ASSERT_FALSE(history_covers(&history, SLICE(OTHER), 122)); /* it has what we never had */
    CU_ASSERT_TRUE(history_covers(&history, slice_text(history.id), 150));
}

UNIT_TEST(history, a_primary_that_goes_on_under_another_name) {
    struct history history = {0};
    history_adopt(&history, SLICE(OTHER), 7);
    history_rename(&history, SLICE(OTHER));
    CU_ASSERT_EQUAL(history.previous_until, -1);
    history_rename(&history, SLICE("abcdefabcdefabcdefabcdefabcdefabcdefabcd"));
    CU_ASSERT_STRING_EQUAL(history.previous_id, OTHER);
    CU_ASSERT_EQUAL(history.previous_until, 8);
    history_adopt(&history, SLICE(OTHER), 7);
    CU_ASSERT_EQUAL(history.previous_until, -1);
}

UNIT_TEST(history, ids_have_forty_characters) {
    CU_ASSERT_TRUE(history_is_id(SLICE(OTHER)));
    CU_ASSERT_FALSE(history_is_id(SLICE("?")));
    CU_ASSERT_FALSE(history_is_id(SLICE(OTHER "0")));
}
