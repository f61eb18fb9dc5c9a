#include "lib/unit.h"
#include "sentinel/machine/choose.h"
#include "sentinel/machine/explain.h"
#include "sentinel/machine/world_internal.h"
#include "solo.h"

#include <stdio.h>

/* A primary that is down and three replicas that could take over. */
static void setting(struct solo *s, struct instance *replicas[3]) {
    static const struct state_record state[] = {
        {.kind = STATE_REPLICA, .name = "mymaster", .host = "10.0.0.2", .port = 6379},
        {.kind = STATE_REPLICA, .name = "mymaster", .host = "10.0.0.3", .port = 6379},
        {.kind = STATE_REPLICA, .name = "mymaster", .host = "10.0.0.4", .port = 6379},
    };
    solo_init(s);
    solo_start(s, state, 3);
    struct primary *primary = solo_primary(s);
    primary->instance->s_down = true;
    primary->instance->s_down_since_ms = 0;
    int i = 0;
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        replicas[i] = replica;
        replica->lines[LINE_COMMAND].phase = LINE_OPEN;
        replica->last_good_ms = replica->facts.at_ms = 0;
        replica->facts.role = ROLE_REPLICA;
        replica->facts.replica_offset = 100;
        replica->facts.link_down_ms = 0;
        snprintf(replica->facts.run_id, sizeof replica->facts.run_id, "%c", 'c' - i);
        i++;
    }
}

UNIT_TEST(choose, by_priority_then_offset_then_run_id) {
    struct solo s;
    struct instance *r[3];
    setting(&s, r);
    struct primary *primary = solo_primary(&s);
    size_t count;
    CU_ASSERT_PTR_EQUAL(choose_replica(primary, &count), r[2]); /* run id "a" */
    CU_ASSERT_EQUAL(count, 3);
    r[2]->facts.run_id[0] = 0; /* unknown ones are last */
    CU_ASSERT_PTR_EQUAL(choose_replica(primary, NULL), r[1]);
    r[0]->facts.replica_offset = 101;
    CU_ASSERT_PTR_EQUAL(choose_replica(primary, NULL), r[0]);
    r[2]->facts.priority = 99;
    CU_ASSERT_PTR_EQUAL(choose_replica(primary, NULL), r[2]);
    CU_ASSERT_EQUAL(explain_lag(r[2]), 1);
    solo_fini(&s);
}

UNIT_TEST(choose, never_the_unfit_and_says_why) {
    struct solo s;
    struct instance *r[3];
    setting(&s, r);
    struct instance *one = r[0], before = *r[0];
    struct bytes text = {0};
#define UNFIT(change, verdict, words)                                                                                  \
    do {                                                                                                               \
        change;                                                                                                        \
        CU_ASSERT_EQUAL(choose_judge(one), verdict);                                                                   \
        bytes_clear(&text);                                                                                            \
        CU_ASSERT_FALSE(explain_replica(one, 0, &text));                                                               \
        CU_ASSERT_PTR_NOT_NULL(strstr(bytes_text(&text), words));                                                      \
        one->s_down = before.s_down;                                                                                   \
        one->lines[LINE_COMMAND].phase = LINE_OPEN;                                                                    \
        one->facts = before.facts;                                                                                     \
        one->last_good_ms = before.last_good_ms;                                                                       \
        one->refused_epoch = 0;                                                                                        \
    } while (0)
    UNFIT(one->s_down = true, CHOOSE_DOWN, "down: no good answer for");
    UNFIT(one->lines[LINE_COMMAND].phase = LINE_IDLE, CHOOSE_DISCONNECTED, "disconnected");
    UNFIT(one->last_good_ms = NEVER, CHOOSE_SILENT, "has not answered PING yet");
    UNFIT(one->last_good_ms = -5001, CHOOSE_SILENT, "no good answer to PING for 5001 ms");
    UNFIT(one->facts.at_ms = NEVER, CHOOSE_UNKNOWN, "has not answered INFO yet");
    UNFIT(one->facts.at_ms = -5001, CHOOSE_STALE, "INFO is 5001 ms old");
    UNFIT(one->facts.priority = 0, CHOOSE_PRIORITY_0, "replica-priority is 0");
    UNFIT(one->facts.link_down_ms = 10001, CHOOSE_LINK_DOWN, "without its primary for 10 s");
    UNFIT((one->facts.role = ROLE_PRIMARY, one->facts.primary_offset = 99), CHOOSE_OLD_PRIMARY,
          "calls itself a primary");
    solo_primary(&s)->failover.epoch = 3;
    UNFIT(one->refused_epoch = 3, CHOOSE_REFUSED, "refused to be promoted");
    bytes_clear(&text);
    CU_ASSERT_TRUE(explain_replica(one, 0, &text));
    EXPECT_TEXT(bytes_text(&text), "priority 100, offset 100, 0 bytes behind");
    bytes_fini(&text);
    solo_fini(&s);
}

UNIT_TEST(choose, who_was_promoted_already_when_it_has_all_the_data) {
    struct solo s;
    struct instance *r[3];
    setting(&s, r);
    r[0]->facts.role = ROLE_PRIMARY;
    r[0]->facts.primary_offset = 100;
    r[1]->facts.priority = 1;
    CU_ASSERT_PTR_EQUAL(choose_replica(solo_primary(&s), NULL), r[0]);
    r[0]->facts.primary_offset = 99; /* less than another has, but it became one after the primary went down */
    r[0]->took_over_ms = solo_primary(&s)->instance->s_down_since_ms;
    CU_ASSERT_PTR_EQUAL(choose_replica(solo_primary(&s), NULL), r[0]);
    r[0]->took_over_ms = NEVER;
    CU_ASSERT_PTR_EQUAL(choose_replica(solo_primary(&s), NULL), r[1]);
    r[0]->facts.primary_offset = 5; /* restarted empty */
    CU_ASSERT_PTR_EQUAL(choose_replica(solo_primary(&s), NULL), r[1]);
    solo_fini(&s);
}
