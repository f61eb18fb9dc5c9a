#include "core/acl/acl_log.h"
#include "lib/unit.h"

static const struct acl_log_entry *entry_at(const struct acl_log *log, int place) {
    LIST_EACH(acl_log_entries(log), node) if (place-- == 0) return container_of(node, struct acl_log_entry, node);
    return NULL;
}

static void deny(struct acl_log *log, const char *object, int64_t wall_ms) {
    acl_log_add(log, ACL_LOG_KEY, ACL_LOG_TOPLEVEL, slice_text(object), SLICE("u"), SLICE("id=1"), wall_ms, 3);
}

UNIT_TEST(acl_log, groups_what_follows_within_a_minute) {
    struct acl_log *log = acl_log_new();
    deny(log, "a", 1000);
    deny(log, "b", 2000);
    deny(log, "a", 60999);
    CU_ASSERT_EQUAL(acl_log_count(log), 2);
    EXPECT_TEXT(entry_at(log, 0)->object, "a");
    CU_ASSERT_EQUAL(entry_at(log, 0)->count, 2);
    CU_ASSERT_EQUAL(entry_at(log, 0)->id, 0);
    CU_ASSERT_EQUAL(entry_at(log, 0)->created_wall_ms, 1000);
    CU_ASSERT_EQUAL(entry_at(log, 0)->updated_wall_ms, 60999);
    deny(log, "a", 121000);
    CU_ASSERT_EQUAL(acl_log_count(log), 3);
    CU_ASSERT_EQUAL(entry_at(log, 0)->count, 1);
    acl_log_free(&log);
}

UNIT_TEST(acl_log, tells_reasons_and_contexts_apart) {
    struct acl_log *log = acl_log_new();
    acl_log_add(log, ACL_LOG_KEY, ACL_LOG_TOPLEVEL, SLICE("x"), SLICE("u"), SLICE("c"), 1, 9);
    acl_log_add(log, ACL_LOG_CHANNEL, ACL_LOG_TOPLEVEL, SLICE("x"), SLICE("u"), SLICE("c"), 1, 9);
    acl_log_add(log, ACL_LOG_KEY, ACL_LOG_MULTI, SLICE("x"), SLICE("u"), SLICE("c"), 1, 9);
    acl_log_add(log, ACL_LOG_KEY, ACL_LOG_TOPLEVEL, SLICE("x"), SLICE("v"), SLICE("c"), 1, 9);
    CU_ASSERT_EQUAL(acl_log_count(log), 4);
    EXPECT_TEXT(acl_log_reason_name(entry_at(log, 2)->reason), "channel");
    EXPECT_TEXT(acl_log_context_name(entry_at(log, 1)->context), "multi");
    acl_log_clear(log);
    CU_ASSERT_EQUAL(acl_log_count(log), 0);
    acl_log_free(&log);
}

UNIT_TEST(acl_log, keeps_the_newest) {
    struct acl_log *log = acl_log_new();
    deny(log, "a", 1);
    deny(log, "b", 1);
    deny(log, "c", 1);
    deny(log, "d", 1);
    CU_ASSERT_EQUAL(acl_log_count(log), 3);
    EXPECT_TEXT(entry_at(log, 0)->object, "d");
    EXPECT_TEXT(entry_at(log, 2)->object, "b");
    acl_log_add(log, ACL_LOG_KEY, ACL_LOG_TOPLEVEL, SLICE("x"), SLICE("u"), SLICE("c"), 1, 0);
    CU_ASSERT_EQUAL(acl_log_count(log), 0);
    acl_log_free(&log);
}
