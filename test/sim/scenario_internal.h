/* What the files of the scenarios share: a stage that is a history with a given topology, and what it saw.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sim/history_internal.h"
#include "sim/scenario.h"

struct scenario_shape {
    size_t sentinels, groups, servers; /* servers: in each group */
    int64_t down_after_ms;
    int64_t latency_us, jitter_us;
    unsigned late_permille; /* messages that come late_us later */
    int64_t late_us;
    int64_t sync_us;
    int64_t busy_us; /* processes and their timers are so late on average; 0: hardly */
    bool fast_failover;
    int64_t fast_grace_ms;
    bool names;
    size_t count; /* of primaries that die, or of rounds */
};

struct stage;

struct scenario {
    const char *name, *help;
    struct scenario_shape shape;
    bool is_long;
    void (*run)(struct stage *stage);
};

/* What was seen of one group since stage_clear(). */
struct tally {
    /* Events of all sentinels; downs: +sdown of the primary, lost: of its replicas. */
    unsigned downs, lost, tries, elected, promoted, switches;
    unsigned orders; /* promotions, in so many epochs */
    uint64_t epoch;  /* of the last one */
    int64_t first_down_us, promoted_us, last_switch_us;
};

struct stage {
    struct history history;
    const struct scenario *scenario;
    struct tally *tallies; /* by group */
    char figures[300];
    /* Called when something was published; NULL none. */
    void (*on_publish)(struct stage *stage, struct sentinel_host *host, enum sentinel_event event, size_t group);
    void *context;
};

/* Starts everything and waits until all is well. */
bool stage_start(struct stage *stage);
void stage_clear(struct stage *stage); /* the tallies */
/* All living sentinels believe in the one living primary of group 0, and all its living replicas were told to follow it. */
bool stage_is_done(struct stage *stage);
bool stage_is_switched(struct stage *stage); /* all sentinels have announced a switch of group 0 */
/* Group 0 is whole again: `server`, which was killed, starts, and all is well. */
bool stage_restart(struct stage *stage, struct server *server);
struct server *stage_primary(const struct stage *stage, size_t group);
bool stage_run(struct stage *stage, int64_t for_us);
/* Runs until `is` holds, looked at once a millisecond. False: a violation, or `most_us` is over. */
bool stage_run_until(struct stage *stage, bool (*is)(struct stage *stage), int64_t most_us);
void stage_fail(struct stage *stage, const char *invariant, const char *format, ...) PRINTF_LIKE(3, 4);

/* Sorts them in place; permille 500 is the median. */
int64_t stage_quantile(int64_t *values, size_t count, unsigned permille);

void scenario_many(struct stage *stage);
void scenario_calm(struct stage *stage);
void scenario_disturbed(struct stage *stage);
void scenario_leader(struct stage *stage);
void scenario_fast(struct stage *stage);
void scenario_emptied(struct stage *stage);
void scenario_returns(struct stage *stage);
void scenario_mended(struct stage *stage);
