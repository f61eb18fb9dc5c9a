#include "lib/unit.h"
#include "base/mem.h"
#include "solo.h"
#include "troupe.h"

#include <stdio.h>

static const char *set(struct solo *s, const char *name, const struct option_change *options, size_t count) {
    return solo_at(s, 10,
                   &(struct event){.kind = EVENT_SET,
                                   .token = 2,
                                   .set = {.name = slice_text(name), .options = options, .count = count}});
}

static const char *monitor(struct solo *s, const char *name, const char *host, int64_t port, int64_t quorum) {
    return solo_at(s, 10,
                   &(struct event){.kind = EVENT_MONITOR,
                                   .token = 3,
                                   .monitor = {slice_text(name), slice_text(host), port, quorum}});
}

static const char *removal(struct solo *s, const char *name) {
    return solo_at(s, 10, &(struct event){.kind = EVENT_REMOVE, .token = 4, .name = slice_text(name)});
}

UNIT_TEST(operate, monitors_and_removes) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    EXPECT_TEXT(monitor(&s, "other", "10.0.0.9", 6379, 1),
                "+monitor master other 10.0.0.9 6379 quorum 1 ; answer 3: OK ; save");
    EXPECT_TEXT(monitor(&s, "other", "10.0.0.9", 6379, 1), "answer 3: error ERR Duplicate master name.");
    EXPECT_TEXT(monitor(&s, "x", "10.0.0.9", 0, 1), "answer 3: error ERR Invalid port number.");
    EXPECT_TEXT(monitor(&s, "x", "10.0.0.9", 65536, 1), "answer 3: error ERR Invalid port number.");
    EXPECT_TEXT(monitor(&s, "x", "10.0.0.9", 1, 0), "answer 3: error ERR Quorum must be 1 or greater.");
    EXPECT_TEXT(monitor(&s, "x", "a.name", 1, 1), "answer 3: error ERR Invalid IP address or hostname specified");
    EXPECT_TEXT(monitor(&s, "a,b", "10.0.0.9", 1, 1), "answer 3: error ERR Invalid master name");
    EXPECT_TEXT(monitor(&s, "a b", "10.0.0.9", 1, 1), "answer 3: error ERR Invalid master name");
    EXPECT_TEXT(removal(&s, "nobody"), "answer 4: error ERR No such master with that name");
    EXPECT_TEXT(removal(&s, "mymaster"), "-monitor master mymaster 10.0.0.1 6379 ; answer 4: OK");
    CU_ASSERT_EQUAL(solo_world(&s)->primary_count, 1);
    solo_fini(&s);
}

UNIT_TEST(operate, sets_all_options_or_none) {
    struct solo s;
    solo_init(&s);
    s.base.deny_scripts_reconfig = true;
    solo_start(&s, NULL, 0);
    struct option_change good[] = {{SLICE("quorum"), SLICE("3"), {0}},
                                   {SLICE("Down-After-Milliseconds"), SLICE("500"), {0}}};
    EXPECT_TEXT(set(&s, "mymaster", good, 2), "+set master mymaster 10.0.0.1 6379 quorum 3 ; "
                                              "+set master mymaster 10.0.0.1 6379 Down-After-Milliseconds 500 ; "
                                              "answer 2: OK ; save");
    CU_ASSERT_EQUAL(solo_primary(&s)->instance->ping_period_ms, 50);
    struct option_change bad[] = {{SLICE("quorum"), SLICE("9"), {0}}, {SLICE("failover-timeout"), SLICE("0"), {0}}};
    EXPECT_TEXT(set(&s, "mymaster", bad, 2),
                "answer 2: error ERR Invalid argument '0' for SENTINEL SET 'failover-timeout'");
    CU_ASSERT_EQUAL(solo_primary(&s)->options.quorum, 3);
    struct option_change unknown[] = {{SLICE("colour"), SLICE("red"), {0}}};
    EXPECT_TEXT(set(&s, "mymaster", unknown, 1),
                "answer 2: error ERR Unknown option or number of arguments for SENTINEL SET 'colour'");
    struct option_change script[] = {{SLICE("notification-script"), SLICE("/bin/x"), {0}}};
    CU_ASSERT_PTR_NOT_NULL(strstr(set(&s, "mymaster", script, 1), "denied for security reasons"));
    struct option_change secret[] = {{SLICE("auth-pass"), SLICE("hunter2"), {0}}};
    CU_ASSERT_PTR_NULL(strstr(set(&s, "mymaster", secret, 1), "hunter2"));
    EXPECT_TEXT(solo_primary(&s)->options.auth_pass, "hunter2");
    solo_fini(&s);
}

UNIT_TEST(operate, sends_renamed_commands) {
    struct solo s;
    solo_init(&s);
    struct rename renames[] = {{(char *)"ping", (char *)"GNIP"}};
    s.config.renames = renames;
    s.config.rename_count = 1;
    solo_start(&s, NULL, 0);
    solo_connect_all(&s, 1);
    bool renamed = false;
    (void)solo_at(&s, 101, &(struct event){.kind = EVENT_TIMER});
    struct bytes text = {0};
    for (size_t i = 0; i < s.actions.count; i++) action_describe(&s.actions.items[i], &text);
    renamed = strstr(bytes_text(&text), "GNIP") != NULL;
    CU_ASSERT_TRUE(renamed);
    bytes_fini(&text);
    solo_fini(&s);
}

UNIT_TEST(operate, reset_forgets_and_finds_again_at_once) {
    struct troupe t;
    troupe_init(&t, 3, 3);
    troupe_start(&t);
    troupe_run(&t, 3000);
    troupe_event(&t, 0, &(struct event){.kind = EVENT_RESET, .token = 5, .name = SLICE("my*")});
    CU_ASSERT_EQUAL(troupe_count(&t, "+reset-master master mymaster 10.0.0.1 6379"), 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "answer 5: 1"), 1);
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->replica_count, 0);
    troupe_run(&t, 10);
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->replica_count, 2);
    troupe_run(&t, 2000);
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->seat_count, 2);
    troupe_event(&t, 0, &(struct event){.kind = EVENT_RESET, .token = 6, .name = SLICE("none")});
    CU_ASSERT_EQUAL(troupe_count(&t, "answer 6: 0"), 1);
    troupe_fini(&t);
}

UNIT_TEST(operate, debug_and_config_set) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    struct option_change debug[] = {{SLICE("info-period"), SLICE("500"), {0}}};
    EXPECT_TEXT(
        solo_at(&s, 1, &(struct event){.kind = EVENT_DEBUG_SET, .token = 1, .set = {.options = debug, .count = 1}}),
        "answer 1: OK");
    const char *name;
    int64_t value;
    CU_ASSERT_TRUE(timing_parameter(&solo_world(&s)->timing, 0, &name, &value));
    EXPECT_TEXT(name, "info-period");
    CU_ASSERT_EQUAL(value, 500);
    CU_ASSERT_FALSE(timing_parameter(&solo_world(&s)->timing, 13, &name, &value));
    debug[0].value = SLICE("-1");
    CU_ASSERT_PTR_NOT_NULL(strstr(
        solo_at(&s, 2, &(struct event){.kind = EVENT_DEBUG_SET, .token = 1, .set = {.options = debug, .count = 1}}),
        "Invalid argument"));
    struct option_change config[] = {{SLICE("announce-ip"), SLICE("1.2.3.4"), {0}}, {SLICE("nope"), SLICE("x"), {0}}};
    CU_ASSERT_PTR_NOT_NULL(strstr(
        solo_at(&s, 3, &(struct event){.kind = EVENT_CONFIG_SET, .token = 1, .set = {.options = config, .count = 2}}),
        "error"));
    EXPECT_TEXT(solo_world(&s)->settings.announce_ip, "10.0.1.1");
    EXPECT_TEXT(
        solo_at(&s, 4, &(struct event){.kind = EVENT_CONFIG_SET, .token = 1, .set = {.options = config, .count = 1}}),
        "answer 1: OK ; save");
    EXPECT_TEXT(solo_world(&s)->settings.announce_ip, "1.2.3.4");
    solo_fini(&s);
}
