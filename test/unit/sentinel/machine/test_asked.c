#include "lib/unit.h"
#include "sentinel/machine/world_internal.h"
#include "troupe.h"

static void ready(struct troupe *t) {
    troupe_init(t, 3, 3);
    for (unsigned i = 0; i < t->nodes; i++) t->node[i].is_kvd = true;
    troupe_start(t);
    troupe_run(t, 4000);
}

/* What that node publishes as its own wish reaches every sentinel through the primary. */
static void say(struct troupe *t, const char *run_id) {
    char word[64];
    snprintf(word, sizeof word, "kvd-handover,%s", run_id);
    for (unsigned m = 0; m < t->machines; m++) {
        if (!t->machine[m]) continue;
        struct event event = {.kind = EVENT_HELLO,
                              .hello = {troupe_primary(t, m)->instance->number, slice_text(word)}};
        troupe_event(t, m, &event);
    }
}

static void ask(struct troupe *t) {
    char run_id[SENTINEL_ID_SIZE];
    snprintf(run_id, sizeof run_id, "%s", troupe_primary(t, 0)->instance->facts.run_id);
    say(t, run_id);
}

UNIT_TEST(asked, one_sentinel_does_it_and_all_announce_it) {
    struct troupe t;
    ready(&t);
    ask(&t);
    troupe_run(&t, 1500);
    CU_ASSERT_EQUAL(troupe_count(&t, "+handover-asked"), 3);
    CU_ASSERT_EQUAL(troupe_count(&t, "+try-failover"), 1);
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), 3);
    CU_ASSERT_EQUAL(t.node[0].follows, troupe_believes(&t, 0));
    troupe_fini(&t);
}

UNIT_TEST(asked, the_next_one_does_it_when_the_first_is_gone) {
    struct troupe t;
    ready(&t);
    for (unsigned m = 0; m < 3; m++)
        troupe_event(&t, m, &(struct event){.kind = EVENT_SIMULATE_FAILURE, .simulate = SIMULATE_CRASH_AFTER_CANDIDACY});
    ask(&t);
    CU_ASSERT_EQUAL(!!t.exited[0] + !!t.exited[1] + !!t.exited[2], 1); /* the first of them, at once */
    for (unsigned m = 0; m < 3; m++)
        if (t.machine[m]) troupe_event(&t, m, &(struct event){.kind = EVENT_SIMULATE_FAILURE});
    troupe_run(&t, 1500);
    CU_ASSERT_TRUE(troupe_count(&t, "+switch-master") >= 2);
    CU_ASSERT_EQUAL(troupe_count(&t, "promoted\n"), 1);
    troupe_fini(&t);
}

UNIT_TEST(asked, only_by_the_primary_itself) {
    struct troupe t;
    ready(&t);
    say(&t, "0123456789012345678901234567890123456789");
    say(&t, "");
    troupe_run(&t, 1500);
    CU_ASSERT_EQUAL(troupe_count(&t, "+handover-asked"), 0);
    CU_ASSERT_EQUAL(troupe_count(&t, "+try-failover"), 0);
    troupe_fini(&t);
}

UNIT_TEST(asked, not_in_maintenance) {
    struct troupe t;
    ready(&t);
    for (unsigned m = 0; m < 3; m++) troupe_primary(&t, m)->options.maintenance = true;
    ask(&t);
    troupe_run(&t, 1500);
    CU_ASSERT_EQUAL(troupe_count(&t, "+try-failover"), 0);
    troupe_fini(&t);
}

UNIT_TEST(asked, is_refused_with_a_reason) {
    struct troupe t;
    ready(&t);
    t.node[1].priority = t.node[2].priority = 0;
    troupe_run(&t, 11000); /* until every sentinel has read that in INFO */
    ask(&t);
    troupe_run(&t, 1500);
    CU_ASSERT_EQUAL(troupe_count(&t, "-handover-refused master mymaster 10.0.0.1 6379 NOGOODSLAVE"), 3);
    CU_ASSERT_EQUAL(troupe_count(&t, "promoted\n"), 0);
    troupe_fini(&t);
}
