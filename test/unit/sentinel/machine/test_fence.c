#include "lib/unit.h"
#include "sentinel/machine/fence.h"
#include "troupe.h"

/* One sentinel, two nodes, a primary that died and a script that was started. */
static void begin(struct troupe *t, bool veto_on_timeout) {
    troupe_init(t, 1, 2);
    t->config.quorum = 1;
    t->config.pre_failover_script = "/fence";
    t->config.pre_failover_timeout_ms = 500;
    t->config.pre_failover_veto = veto_on_timeout;
    troupe_start(t);
    troupe_run(t, 2500);
    troupe_kill(t, 0);
    CU_ASSERT_TRUE(troupe_until(t, "/fence mymaster leader odown 10.0.0.1 6379 10.0.0.2 6379 1", 3000));
    troupe_run(t, 300);
    CU_ASSERT_EQUAL(troupe_count(t, "+failover-state-wait-promotion"), 0);
    CU_ASSERT(troupe_primary(t, 0)->failover.fence_token != 0);
}

static void end(struct troupe *t, enum script_end how, int status) {
    uint64_t token = troupe_primary(t, 0)->failover.fence_token;
    troupe_event(t, 0, &(struct event){.kind = EVENT_SCRIPT_ENDED, .token = token + 1, .script = {SCRIPT_END_EXIT, 1}});
    CU_ASSERT_EQUAL(troupe_primary(t, 0)->failover.fence_token, token); /* not the one it waits for */
    troupe_event(t, 0, &(struct event){.kind = EVENT_SCRIPT_ENDED, .token = token, .script = {how, status}});
}

static void expect(bool veto_on_timeout, enum script_end how, int status, bool goes_on, const char *words) {
    struct troupe t;
    begin(&t, veto_on_timeout);
    end(&t, how, status);
    troupe_run(&t, 200);
    CU_ASSERT_EQUAL(troupe_count(&t, "+switch-master"), goes_on ? 1 : 0);
    CU_ASSERT_EQUAL(troupe_count(&t, "-failover-abort-vetoed"), goes_on ? 0 : 1);
    CU_ASSERT_EQUAL(troupe_count(&t, words), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(troupe_primary(&t, 0)->failover.record.script, words));
    troupe_fini(&t);
}

UNIT_TEST(fence, exit_status_decides) {
    expect(false, SCRIPT_END_EXIT, 0, true, "exit status 0 after");
    expect(true, SCRIPT_END_EXIT, 0, true, "exit status 0 after");
    expect(false, SCRIPT_END_EXIT, 1, false, "exit status 1 after");
    expect(true, SCRIPT_END_EXIT, 1, false, "exit status 1 after");
}

UNIT_TEST(fence, no_answer_means_what_the_operator_says) {
    expect(false, SCRIPT_END_EXIT, 2, true, "exit status 2 after");
    expect(true, SCRIPT_END_EXIT, 2, false, "exit status 2 after");
    expect(false, SCRIPT_END_SIGNAL, 11, true, "died by signal 11");
    expect(true, SCRIPT_END_TIMEOUT, 0, false, "killed at its deadline");
    expect(false, SCRIPT_END_NOT_RUN, 0, true, "could not be run");
}

UNIT_TEST(fence, driver_that_never_tells_is_not_waited_for) {
    struct troupe t;
    begin(&t, false);
    CU_ASSERT_TRUE(troupe_until(&t, "+switch-master", 2600));
    CU_ASSERT_EQUAL(troupe_count(&t, "nothing was heard of it"), 1);
    troupe_fini(&t);
}

UNIT_TEST(fence, veto_is_asked_again_later) {
    struct troupe t;
    begin(&t, false);
    end(&t, SCRIPT_END_EXIT, 1);
    troupe_run(&t, 4000);
    CU_ASSERT_EQUAL(troupe_count(&t, "/fence mymaster"), 1);
    CU_ASSERT_TRUE(troupe_until(&t, "/fence mymaster leader odown 10.0.0.1 6379 10.0.0.2 6379 2", 2000));
    end(&t, SCRIPT_END_EXIT, 0);
    CU_ASSERT_TRUE(troupe_until(&t, "+switch-master", 200));
    CU_ASSERT_EQUAL(troupe_primary(&t, 0)->history_count, 2); /* the veto, and what came of it */
    troupe_fini(&t);
}
