#include "lib/unit.h"
#include "sim/event_order.h"

static bool take(struct event_order *order, enum sentinel_event event, const char *text) {
    char why[200];
    return event_order_take(order, event, "m", text, why);
}

UNIT_TEST(event_order, a_whole_failover) {
    static const enum sentinel_event events[] = {
        SENTINEL_EVENT_SDOWN,      SENTINEL_EVENT_ODOWN,          SENTINEL_EVENT_NEW_EPOCH, SENTINEL_EVENT_TRY_FAILOVER,
        SENTINEL_EVENT_VOTE,       SENTINEL_EVENT_ELECTED,        SENTINEL_EVENT_SELECT,    SENTINEL_EVENT_SELECTED,
        SENTINEL_EVENT_SEND_NOONE, SENTINEL_EVENT_WAIT_PROMOTION, SENTINEL_EVENT_PROMOTED,  SENTINEL_EVENT_RECONF,
        SENTINEL_EVENT_SWITCH,     SENTINEL_EVENT_FAILOVER_END};
    struct event_order *order = event_order_new();
    for (size_t i = 0; i < COUNT_OF(events); i++) CU_ASSERT_TRUE(take(order, events[i], "master m 10.7.0.1 6379"));
    event_order_free(&order);
}

UNIT_TEST(event_order, each_end_needs_its_begin) {
    struct event_order *order = event_order_new();
    CU_ASSERT_FALSE(take(order, SENTINEL_EVENT_SDOWN_END, "slave x 10.7.0.2 6379 @ m 10.7.0.1 6379"));
    CU_ASSERT_TRUE(take(order, SENTINEL_EVENT_SDOWN, "slave x 10.7.0.2 6379 @ m 10.7.0.1 6379"));
    CU_ASSERT_FALSE(take(order, SENTINEL_EVENT_SDOWN, "slave x 10.7.0.2 6379 @ m 10.7.0.9 6379"));
    CU_ASSERT_FALSE(take(order, SENTINEL_EVENT_ODOWN, "master m 10.7.0.1 6379 #quorum 2/2"));
    CU_ASSERT_FALSE(take(order, SENTINEL_EVENT_ODOWN_END, "master m 10.7.0.1 6379"));
    CU_ASSERT_FALSE(take(order, SENTINEL_EVENT_TILT_END, "#tilt"));
    event_order_free(&order);
}

UNIT_TEST(event_order, no_switch_from_nowhere) {
    struct event_order *order = event_order_new();
    CU_ASSERT_FALSE(take(order, SENTINEL_EVENT_SWITCH, "m 10.7.0.1 6379 10.7.0.2 6379"));
    CU_ASSERT_TRUE(take(order, SENTINEL_EVENT_CONFIG_UPDATE, "sentinel id 10.7.0.5 26379 @ m 10.7.0.1 6379"));
    CU_ASSERT_TRUE(take(order, SENTINEL_EVENT_SWITCH, "m 10.7.0.1 6379 10.7.0.2 6379"));
    CU_ASSERT_FALSE(take(order, SENTINEL_EVENT_SWITCH, "m 10.7.0.2 6379 10.7.0.1 6379"));
    CU_ASSERT_FALSE(take(order, SENTINEL_EVENT_ELECTED, "master m 10.7.0.1 6379"));
    event_order_free(&order);
}
