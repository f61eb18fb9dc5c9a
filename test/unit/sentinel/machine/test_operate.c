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
    (void)solo_at(&s, 301, &(struct event){.kind = EVENT_TIMER});
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

static const char *order(struct troupe *t, unsigned machine, struct event event) {
    static struct bytes answer;
    size_t before = t->log.size;
    event.token = 7;
    troupe_event(t, machine, &event);
    bytes_fini(&answer);
    const char *found = strstr(bytes_text(&t->log) + before, "answer 7: ");
    bytes_add_slice(&answer, slice_text(found ? found + strlen("answer 7: ") : "none"));
    return bytes_text(&answer);
}

static bool starts(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static struct event failover_to(const char *host, int64_t port) {
    return (struct event){.kind = EVENT_FAILOVER,
                          .failover = {.name = SLICE("mymaster"), .to_host = slice_text(host), .to_port = port}};
}

static struct event forget(const char *who, int64_t port) {
    return (struct event){.kind = EVENT_FORGET,
                          .forget = {.name = SLICE("mymaster"), .host = slice_text(who), .port = port, .here = true}};
}

static void set_option(struct troupe *t, unsigned machine, const char *name, const char *value) {
    struct option_change change = {slice_text(name), slice_text(value), {0}};
    struct event event = {.kind = EVENT_SET, .set = {.name = SLICE("mymaster"), .options = &change, .count = 1}};
    CU_ASSERT_TRUE(starts(order(t, machine, event), "OK"));
}

UNIT_TEST(operate, promotes_the_replica_that_is_named) {
    struct troupe t;
    troupe_init(&t, 3, 4);
    t.node[2].priority = 1; /* the one that would be chosen */
    troupe_start(&t);
    troupe_run(&t, 3000);
    CU_ASSERT_TRUE(starts(order(&t, 0, failover_to("10.0.0.9", 6379)),
                          "error NOGOODSLAVE 10.0.0.9:6379 is no known replica of mymaster"));
    CU_ASSERT_TRUE(starts(order(&t, 0, failover_to("10.0.0.4", 6379)), "OK"));
    troupe_run(&t, 1000);
    for (unsigned i = 0; i < 3; i++) CU_ASSERT_EQUAL(troupe_believes(&t, i), 3);
    troupe_fini(&t);
}

UNIT_TEST(operate, refuses_to_promote_one_that_cannot_be) {
    struct troupe t;
    troupe_init(&t, 3, 3);
    t.node[2].priority = 0;
    troupe_start(&t);
    troupe_run(&t, 3000);
    CU_ASSERT_TRUE(starts(order(&t, 0, failover_to("10.0.0.3", 6379)),
                          "error NOGOODSLAVE That replica cannot be promoted: its replica-priority is 0"));
    troupe_fini(&t);
}

UNIT_TEST(operate, forgets_one_replica_and_one_sentinel_that_are_gone) {
    struct troupe t;
    troupe_init(&t, 3, 3);
    troupe_start(&t);
    troupe_run(&t, 3000);
    troupe_kill(&t, 2);
    troupe_kill_machine(&t, 2);
    troupe_run(&t, 3000);
    char id[SENTINEL_ID_SIZE] = "";
    LIST_EACH(&troupe_primary(&t, 0)->seats, node) {
        const struct instance *peer = container_of(node, struct seat, at_primary)->peer;
        if (peer->s_down) snprintf(id, sizeof id, "%s", peer->id);
    }
    CU_ASSERT_TRUE(starts(order(&t, 0, forget(id, 0)), "OK"));
    CU_ASSERT_TRUE(starts(order(&t, 0, forget(id, 0)), "error ERR No such sentinel"));
    CU_ASSERT_TRUE(starts(order(&t, 0, forget("10.0.0.3", 6379)), "OK"));
    CU_ASSERT_TRUE(starts(order(&t, 0, forget("10.0.0.3", 6379)), "error ERR No such replica"));
    troupe_run(&t, 15000);
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->replica_count, 1);
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->seat_count, 1);
    troupe_fini(&t);
}

UNIT_TEST(operate, reset_keeps_whoever_is_there_so_a_failover_works_at_once) {
    struct troupe t;
    troupe_init(&t, 3, 3);
    troupe_start(&t);
    troupe_run(&t, 3000);
    troupe_kill(&t, 2);
    troupe_run(&t, 2000);
    troupe_kill(&t, 0); /* and RESET before it is noticed: nobody is left to ask for the replicas */
    for (unsigned i = 0; i < 3; i++)
        troupe_event(&t, i, &(struct event){.kind = EVENT_RESET, .token = 6, .name = SLICE("*")});
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->replica_count, 1);
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->seat_count, 2);
    troupe_run(&t, 3000);
    for (unsigned i = 0; i < 3; i++) CU_ASSERT_EQUAL(troupe_believes(&t, i), 1);
    troupe_fini(&t);
}

UNIT_TEST(operate, maintenance_watches_and_does_nothing) {
    struct troupe t;
    troupe_init(&t, 3, 3);
    troupe_start(&t);
    troupe_run(&t, 3000);
    for (unsigned i = 0; i < 3; i++) set_option(&t, i, "maintenance", "yes");
    troupe_kill(&t, 0);
    troupe_run(&t, 20000);
    CU_ASSERT_EQUAL(troupe_count(&t, "+sdown master mymaster"), 3);
    CU_ASSERT_EQUAL(troupe_count(&t, "+try-failover"), 0);
    for (unsigned i = 0; i < 3; i++) set_option(&t, i, "maintenance", "no");
    troupe_run(&t, 3000);
    CU_ASSERT_EQUAL(troupe_count(&t, "+elected-leader"), 1);
    CU_ASSERT_NOT_EQUAL(troupe_believes(&t, 0), 0);
    troupe_fini(&t);
}

UNIT_TEST(operate, the_quorum_may_be_the_majority) {
    struct troupe t;
    troupe_init(&t, 5, 2);
    troupe_start(&t);
    troupe_run(&t, 3000);
    set_option(&t, 0, "quorum", "majority");
    CU_ASSERT_EQUAL(primary_quorum(troupe_primary(&t, 0)), 3);
    set_option(&t, 0, "quorum", "2");
    CU_ASSERT_EQUAL(primary_quorum(troupe_primary(&t, 0)), 2);
    troupe_fini(&t);
}

UNIT_TEST(operate, a_replica_of_the_preferred_zone_within_the_limit_of_lag_is_promoted) {
    for (int limited = 0; limited < 2; limited++) {
        struct troupe t;
        troupe_init(&t, 3, 3);
        t.node[1].offset = 5000;
        t.node[2].offset = 1000;
        troupe_start(&t);
        troupe_run(&t, 3000);
        for (unsigned i = 0; i < 3; i++) {
            set_option(&t, i, "replica-zones", "10.0.0.2:6379=a 10.0.0.3:6379=b");
            set_option(&t, i, "prefer-zone", "b");
            if (limited) set_option(&t, i, "max-replica-lag", "100");
        }
        troupe_event(&t, 0, &(struct event){.kind = EVENT_FAILOVER, .failover = {.name = SLICE("mymaster")}});
        t.node[1].offset = 5000;
        t.node[2].offset = 1000;
        troupe_run(&t, 1000);
        CU_ASSERT_EQUAL(troupe_believes(&t, 0), limited ? 1 : 2);
        troupe_fini(&t);
    }
}
