#include "lib/unit.h"
#include "solo.h"
#include "troupe.h"

/* A failover of a primary whose host is silent: packets to it vanish. Returns who leads. */
static unsigned lose_primary(struct troupe *t, unsigned machines) {
    troupe_init(t, machines, 3);
    troupe_start(t);
    troupe_run(t, 12000);
    t->node[0].silent = true;
    CU_ASSERT_FATAL(troupe_until(t, "+switch-master", 5000));
    troupe_run(t, 1000);
    unsigned leads = machines;
    for (unsigned m = 0; m < machines; m++)
        if (troupe_primary(t, m)->failover.count) leads = m;
    CU_ASSERT_FATAL(leads < machines);
    return leads;
}

UNIT_TEST(cadence, an_old_primary_that_does_not_answer_is_dialled_all_the_time) {
    struct troupe t;
    unsigned leads = lose_primary(&t, 3), before[3];
    for (unsigned m = 0; m < 3; m++) before[m] = t.dials[m];
    troupe_run(&t, 10000);
    for (unsigned m = 0; m < 3; m++) { /* every 50 ms by the leader, every 250 by the others; the pub/sub line once a second */
        unsigned dials = t.dials[m] - before[m];
        if (m == leads) CU_ASSERT_TRUE(dials >= 190 && dials <= 212);
        if (m != leads) CU_ASSERT_TRUE(dials >= 38 && dials <= 52);
    }
    troupe_fini(&t);
}

UNIT_TEST(cadence, who_is_back_is_a_replica_within_100_ms) {
    struct troupe t;
    for (int64_t late_ms = 0; late_ms < 60; late_ms += 7) {
        (void)lose_primary(&t, 3);
        troupe_run(&t, 3000 + late_ms);
        t.node[0].silent = false; /* it has not heard of anything */
        CU_ASSERT_EQUAL(t.node[0].follows, -1);
        troupe_run(&t, 100);
        CU_ASSERT_NOT_EQUAL(t.node[0].follows, -1);
        troupe_fini(&t);
    }
}

/* ---- One machine: what it wants of a line ---- */

static const struct action *dial_of(struct solo *s, uint32_t instance, enum line_kind line) {
    for (size_t i = 0; i < s->actions.count; i++) {
        const struct action *action = &s->actions.items[i];
        if (action->kind == ACTION_CONNECT && action->connect.instance == instance && action->connect.line == line) return action;
    }
    return NULL;
}

static void line_event(struct solo *s, int64_t now_ms, enum event_kind kind, uint32_t instance, enum line_kind line,
                       enum line_reason reason) {
    struct event event = {.kind = kind};
    event.line.instance = instance;
    event.line.line = line;
    event.line.reason = reason;
    (void)solo_at(s, now_ms, &event);
}

UNIT_TEST(cadence, whose_way_became_longer_is_dialled_patiently) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    solo_connect_all(&s, 1);
    uint32_t primary = solo_primary(&s)->instance->number;
    CU_ASSERT_TRUE_FATAL(solo_reply(&s, 3, primary, REQUEST_PING, STATUS("PONG")));
    line_event(&s, 10, EVENT_LINE_DOWN, primary, LINE_COMMAND, LINE_TIMEOUT);
    const struct action *dial = dial_of(&s, primary, LINE_COMMAND);
    for (int64_t now_ms = 11; !dial && now_ms < 1000; now_ms++) {
        (void)solo_run(&s, now_ms);
        dial = dial_of(&s, primary, LINE_COMMAND);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(dial);
    CU_ASSERT_EQUAL(dial->connect.answer_timeout_ms, 100); /* it was near, and down-after is a second */
    CU_ASSERT_EQUAL(dial->connect.timeout_ms, 1000);
    CU_ASSERT_EQUAL(dial->connect.unacked_timeout_ms, 500);
    /* The patient line gets through, the quick one does not. */
    int64_t at_ms = s.now_ms + 100;
    (void)solo_run(&s, at_ms - 1);
    line_event(&s, at_ms, EVENT_LINE_DOWN, primary, LINE_COMMAND, LINE_TIMEOUT);
    line_event(&s, at_ms + 50, EVENT_LINE_UP, primary, LINE_PUBSUB, LINE_REASON_NONE);
    line_event(&s, at_ms + 100, EVENT_LINE_DOWN, primary, LINE_COMMAND, LINE_TIMEOUT);
    dial = dial_of(&s, primary, LINE_COMMAND);
    CU_ASSERT_PTR_NOT_NULL_FATAL(dial);
    CU_ASSERT_EQUAL(dial->connect.answer_timeout_ms, 1000);
    solo_fini(&s);
}
