#include "store/notify/keyspace_events.h"
#include "base/mem.h"
#include "lib/unit.h"

/* What CONFIG GET answers to this value; "(refused)" when it has a letter that is none. */
static void canonical(const char *text, const char *expected) {
    struct param_item item = {.text = mem_strdup(text)};
    struct param_values values = {.items = &item, .count = 1};
    struct error err;
    bool is_good = keyspace_events_check(NULL, &values, &err);
    CU_ASSERT_STRING_EQUAL(is_good ? item.text : "(refused)", expected);
    mem_free(item.text);
}

UNIT_TEST(keyspace_events, classes_are_put_into_the_established_order) {
    canonical("", "");
    canonical("KEA", "AKE");
    canonical("Ex", "xE");
    canonical("K$lshzxetdg", "AK");
    canonical("K$lshzxetg", "g$lshzxetK");
    canonical("mEn", "nEm");
    canonical("AKEmn", "AnKEm");
    canonical("q", "(refused)");
    canonical("KE x", "(refused)");
}

UNIT_TEST(keyspace_events, without_a_channel_nothing_is_wanted) {
    struct keyspace_events *events = keyspace_events_new(NULL);
    CU_ASSERT_FALSE(keyspace_events_wants_any(events));
    keyspace_events_set(events, "Am");
    CU_ASSERT_FALSE(keyspace_events_wants_any(events));
    CU_ASSERT_FALSE(keyspace_events_wants_misses(events));
    keyspace_events_set(events, "Em");
    CU_ASSERT_FALSE(keyspace_events_wants_any(events));
    CU_ASSERT_TRUE(keyspace_events_wants_misses(events));
    keyspace_events_set(events, "lK");
    CU_ASSERT_TRUE(keyspace_events_wants_any(events));
    CU_ASSERT_FALSE(keyspace_events_wants_misses(events));
    keyspace_events_free(&events);
    CU_ASSERT_PTR_NULL(events);
}
