#include "lib/unit.h"
#include "sentinel/machine/world_internal.h"
#include "solo.h"

static const char *resolved(struct solo *s, int64_t now_ms, const char *name, const char *ip) {
    return solo_at(
        s, now_ms,
        &(struct event){.kind = EVENT_RESOLVED, .resolved = {.name = slice_text(name), .ip = slice_text(ip)}});
}

static bool dialled(const struct solo *s, const char *ip) {
    for (size_t i = 0; i < s->actions.count; i++)
        if (s->actions.items[i].kind == ACTION_CONNECT && strcmp(s->actions.items[i].connect.ip, ip) == 0) return true;
    return false;
}

UNIT_TEST(world, names_are_looked_up_and_dialled) {
    struct solo s;
    solo_init(&s);
    s.config.host = "primary.example";
    s.base.resolve_hostnames = true;
    s.machine = machine_new(&s.base, NULL, 0, 0);
    EXPECT_TEXT(solo_at(&s, 0, &(struct event){.kind = EVENT_START}),
                "+monitor master mymaster primary.example 6379 quorum 2 ; resolve primary.example ; save");
    CU_ASSERT_FALSE(dialled(&s, ""));
    EXPECT_TEXT(resolved(&s, 5, "somebody.else", "10.0.0.9"), "");
    EXPECT_TEXT(resolved(&s, 5, "primary.example", "not an address"), "");
    CU_ASSERT_EQUAL(solo_primary(&s)->instance->ip[0], 0);
    EXPECT_TEXT(resolved(&s, 6, "primary.example", "10.0.0.1"), "");
    CU_ASSERT_TRUE(dialled(&s, "10.0.0.1"));
    EXPECT_TEXT(instance_shown_host(solo_primary(&s)->instance, solo_world(&s)), "10.0.0.1");
    solo_world(&s)->settings.announce_hostnames = true;
    EXPECT_TEXT(instance_shown_host(solo_primary(&s)->instance, solo_world(&s)), "primary.example");
    CU_ASSERT_PTR_NOT_NULL(world_find_primary_at(solo_world(&s), SLICE("10.0.0.1"), 6379));
    CU_ASSERT_PTR_NOT_NULL(world_find_primary_at(solo_world(&s), SLICE("primary.example"), 6379));
    solo_fini(&s);
}

UNIT_TEST(world, a_name_server_that_fails_takes_no_address_away) {
    struct solo s;
    solo_init(&s);
    s.config.host = "primary.example";
    s.base.resolve_hostnames = true;
    s.machine = machine_new(&s.base, NULL, 0, 0);
    (void)solo_at(&s, 0, &(struct event){.kind = EVENT_START});
    (void)resolved(&s, 5, "primary.example", "10.0.0.1");
    solo_connect_all(&s, 6);
    uint32_t primary = solo_primary(&s)->instance->number;
    const struct event down = {.kind = EVENT_LINE_DOWN, .line = {.instance = primary, .reason = LINE_RESET}};
    EXPECT_TEXT(solo_at(&s, 1600, &down), "resolve primary.example"); /* it may have moved: asked while it is dialled */
    CU_ASSERT_TRUE(dialled(&s, "10.0.0.1"));
    (void)resolved(&s, 1700, "primary.example", "");
    EXPECT_TEXT(solo_primary(&s)->instance->ip, "10.0.0.1");
    (void)resolved(&s, 1701, "primary.example", "10.0.0.8"); /* nobody asked any more, but it is true */
    EXPECT_TEXT(solo_primary(&s)->instance->ip, "10.0.0.8");
    solo_fini(&s);
}

UNIT_TEST(world, a_name_and_an_address_of_one_process_become_one) {
    struct solo s;
    solo_init(&s);
    s.base.resolve_hostnames = true;
    const struct state_record state[] = {
        {.kind = STATE_REPLICA, .name = "mymaster", .host = "10.0.0.2", .port = 6379},
        {.kind = STATE_REPLICA, .name = "mymaster", .host = "replica.example", .port = 6379},
        {.kind = STATE_REPLICA, .name = "mymaster", .host = "primary.example", .port = 6379},
        {.kind = STATE_REPLICA, .name = "mymaster", .host = "other.example", .port = 6379},
    };
    s.machine = machine_new(&s.base, state, COUNT_OF(state), 0);
    (void)solo_at(&s, 0, &(struct event){.kind = EVENT_START});
    CU_ASSERT_EQUAL(solo_primary(&s)->replica_count, 4);
    (void)resolved(&s, 5, "replica.example", "10.0.0.2");
    CU_ASSERT_EQUAL(solo_primary(&s)->replica_count, 3);
    CU_ASSERT_PTR_NOT_NULL(replica_find_at(solo_primary(&s), "replica.example", 6379));
    (void)resolved(&s, 6, "primary.example", "10.0.0.1"); /* the primary stays who it is, and takes the name */
    CU_ASSERT_EQUAL(solo_primary(&s)->replica_count, 2);
    EXPECT_TEXT(solo_primary(&s)->instance->host, "primary.example");
    (void)resolved(&s, 7, "other.example", "10.0.0.2"); /* one of two names may be about to move */
    CU_ASSERT_EQUAL(solo_primary(&s)->replica_count, 2);
    solo_fini(&s);
}

UNIT_TEST(world, check_quorum_counts_both) {
    struct solo s;
    struct bytes text = {0};
    solo_init(&s);
    solo_start(&s, NULL, 0);
    CU_ASSERT_FALSE(primary_check_quorum(solo_primary(&s), &text));
    EXPECT_TEXT(bytes_text(&text),
                "1 usable Sentinels. Not enough available Sentinels to reach the specified quorum for this master");
    (void)solo_hello(&s, 1, "10.0.1.2,26379," ID_B ",0,mymaster,10.0.0.1,6379,0");
    solo_connect_all(&s, 2);
    bytes_clear(&text);
    CU_ASSERT_TRUE(primary_check_quorum(solo_primary(&s), &text));
    EXPECT_TEXT(bytes_text(&text), "2 usable Sentinels. Quorum and failover authorization can be reached");
    bytes_fini(&text);
    solo_fini(&s);
}

UNIT_TEST(world, events_about_who_is_gone_are_ignored) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    uint32_t number = solo_primary(&s)->instance->number;
    (void)solo_at(&s, 1, &(struct event){.kind = EVENT_REMOVE, .name = SLICE("mymaster")});
    for (uint32_t instance = 0; instance < number + 3; instance++) {
        (void)solo_at(&s, 2, &(struct event){.kind = EVENT_LINE_UP, .line = {.instance = instance}});
        (void)solo_at(&s, 2, &(struct event){.kind = EVENT_LINE_DOWN, .line = {.instance = instance}});
        (void)solo_at(&s, 2, &(struct event){.kind = EVENT_REPLY, .reply = {.instance = instance, .request = 1}});
        (void)solo_at(&s, 2, &(struct event){.kind = EVENT_HELLO, .hello = {.instance = instance}});
    }
    (void)solo_at(&s, 2, &(struct event){.kind = EVENT_SAVED, .saved = {.sequence = 999, .ok = true}});
    (void)solo_at(&s, 1, &(struct event){.kind = EVENT_TIMER}); /* time that goes back */
    CU_ASSERT_EQUAL(solo_world(&s)->primary_count, 0);
    solo_fini(&s);
}

/* A pod that moved: what the name's last address is known for would hide it for ever. */
UNIT_TEST(world, names_that_an_info_lists_are_asked_for_again) {
    struct solo s;
    solo_init(&s);
    s.base.resolve_hostnames = true;
    s.machine = machine_new(&s.base, NULL, 0, 0);
    (void)solo_at(&s, 0, &(struct event){.kind = EVENT_START});
    solo_connect_all(&s, 1);
    uint32_t primary = solo_primary(&s)->instance->number;
    const struct reply_view info = BULK("role:master\r\nslave0:ip=pod-2,port=6379,state=online,offset=1,lag=0\r\n");
    CU_ASSERT_TRUE_FATAL(solo_reply(&s, 2, primary, REQUEST_INFO, info));
    CU_ASSERT_PTR_NOT_NULL(strstr(bytes_text(&s.text), "resolve pod-2"));
    (void)resolved(&s, 3, "pod-2", "10.0.0.2");
    solo_connect_all(&s, 4); /* an open line does not ask where its name is */
    for (int64_t now = 100; now <= 10500; now += 100) {
        (void)solo_run(&s, now);
        solo_connect_all(&s, now);
        for (uint32_t i = 1; i <= 2; i++)
            while (solo_reply(&s, now, i, REQUEST_PING, STATUS("PONG"))) continue;
        if (solo_reply(&s, now, primary, REQUEST_INFO, info)) break;
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(bytes_text(&s.text), "resolve pod-2"));
    solo_fini(&s);
}
