#include "lib/unit.h"
#include "base/mem.h"
#include "sentinel/machine/history.h"
#include "solo.h"
#include "troupe.h"

#include <stdio.h>

static const char *newest(const struct primary *primary) {
    if (list_is_empty(&primary->history)) return "";
    return container_of(primary->history.head.prev, struct history_record, node)->text;
}

static bool says(const struct primary *primary, const char *text) {
    bool found = strstr(newest(primary), text) != NULL;
    if (!found) printf("no \"%s\" in:\n%s", text, newest(primary));
    return found;
}

UNIT_TEST(history, of_a_failover_is_kept_by_all_who_saw_it) {
    struct troupe t;
    troupe_init(&t, 3, 3);
    troupe_start(&t);
    troupe_run(&t, 2500);
    t.node[1].offset = 500;
    t.node[2].offset = 400;
    troupe_run(&t, 11000);
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE(troupe_until(&t, "+failover-end", 5000)); /* the primary last told an offset of 1000 */
    troupe_run(&t, 100);
    unsigned leaders = 0;
    for (unsigned i = 0; i < 3; i++) {
        const struct primary *primary = troupe_primary(&t, i);
        CU_ASSERT_EQUAL_FATAL(primary->history_count, 1);
        bool leader = strstr(newest(primary), "role\tleader\n") != NULL;
        leaders += leader;
        CU_ASSERT(says(primary, "epoch\t1\n"));
        CU_ASSERT(says(primary, "outcome\tdone\n"));
        CU_ASSERT(says(primary, "from\t10.0.0.1:6379\n"));
        CU_ASSERT(says(primary, "to\t10.0.0.2:6379\n"));
        CU_ASSERT(says(primary, "sdown-ms\t0\n"));
        CU_ASSERT(says(primary, "switched-ms\t"));
        CU_ASSERT(says(primary, "vote\t"));
        if (!leader) continue;
        CU_ASSERT(says(primary, "replica\t10.0.0.2:6379\t500\t100\t500\tchosen\t"));
        CU_ASSERT(says(primary, "replica\t10.0.0.3:6379\t400\t100\t600\tcould-be-chosen\t"));
        CU_ASSERT(says(primary, "ordered-ms\t"));
        CU_ASSERT(says(primary, "lost-bytes\t500\n"));
    }
    CU_ASSERT_EQUAL(leaders, 1);

    /* It survives a restart. */
    char *before = mem_strdup(newest(troupe_primary(&t, 0)));
    troupe_run(&t, 1000);
    troupe_kill_machine(&t, 0);
    troupe_restart_machine(&t, 0);
    EXPECT_TEXT(newest(troupe_primary(&t, 0)), before);
    mem_free(before);
    troupe_fini(&t);
}

UNIT_TEST(history, says_why_nobody_was_promoted) {
    struct troupe t;
    troupe_init(&t, 1, 2);
    t.config.quorum = 1;
    t.node[1].priority = 0;
    troupe_start(&t);
    troupe_run(&t, 2500);
    troupe_kill(&t, 0);
    CU_ASSERT_TRUE(troupe_until(&t, "-failover-abort-no-good-slave", 5000));
    const struct primary *primary = troupe_primary(&t, 0);
    CU_ASSERT(says(primary, "outcome\tno_replica\n"));
    CU_ASSERT(says(primary, "\tcannot-be-chosen\t"));
    CU_ASSERT_PTR_NULL(strstr(newest(primary), "switched-ms"));
    troupe_fini(&t);
}

UNIT_TEST(history, keeps_the_newest_and_reads_them_in_any_order) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    struct primary *primary = solo_primary(&s);
    const uint64_t serials[] = {10, 100, 2, 7, 9};
    for (size_t i = 0; i < COUNT_OF(serials); i++) history_recall(primary, serials[i], "epoch\t1\n");
    uint64_t last = 0;
    LIST_EACH(&primary->history, node) {
        uint64_t serial = container_of(node, struct history_record, node)->serial;
        CU_ASSERT(serial > last);
        last = serial;
    }
    CU_ASSERT_EQUAL(last, 100);
    for (int i = 0; i < 300; i++) {
        (void)solo_at(&s, 10 + i, &(struct event){.kind = EVENT_TIMER});
        world_find_primary(machine_world(s.machine), SLICE("mymaster"));
        char hello[200];
        snprintf(hello, sizeof hello, "10.0.1.9,1001," ID_B ",%d,mymaster,10.0.0.%d,6379,%d", i + 1, 2 + i % 2, i + 1);
        (void)solo_hello(&s, 10 + i, hello);
    }
    CU_ASSERT_EQUAL(primary->history_count, HISTORY_MAX);
    CU_ASSERT_EQUAL(solo_world(&s)->history_count, HISTORY_MAX);
    CU_ASSERT(says(primary, "epoch\t300\n"));
    CU_ASSERT(says(primary, "role\tobserver\n"));
    solo_fini(&s);
}
