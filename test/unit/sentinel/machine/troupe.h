/* A few sentinel machines and data nodes that play together, for tests of whole conversations.
 *
 * Every message takes LATENCY_MS, every save DISK_MS; nothing is lost unless a test says so. It is no simulator of
 * faults (that is test/sim): only enough of a world to let machines find each other, vote, promote and repair. Sentinel
 * i listens on 10.0.1.<i+1>:26379, node i on 10.0.0.<i+1>:6379; node 0 is the first primary, named "mymaster".
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/machine.h"

enum { TROUPE_MAX = 8, NODES_MAX = 64, LATENCY_MS = 1, DISK_MS = 2 };

struct node {
    bool alive;  /* else connections are refused and reset */
    bool is_kvd; /* and says so */
    bool hung;   /* takes connections and commands, answers none */
    bool silent; /* its host is gone: connects time out, nothing is reset */
    int follows; /* node index; -1: a primary */
    int64_t offset, priority;
    bool link_up;
    int64_t link_up_at_ms; /* link_up becomes true then; 0 not planned */
    unsigned boots;
    unsigned repointed;
    const char *ping;    /* NULL: +PONG, else this error */
    const char *refuses; /* a command that it refuses with NOPERM; NULL none */
    const char *lies;    /* INFO text instead of the true one; NULL none */
};

struct troupe {
    int64_t now_ms;
    unsigned machines, nodes;
    struct machine *machine[TROUPE_MAX];
    bool paused[TROUPE_MAX]; /* gets no events; they wait */
    bool disk_fails[TROUPE_MAX];
    bool cut[TROUPE_MAX][TROUPE_MAX];     /* sentinels that cannot reach each other */
    bool cut_node[TROUPE_MAX][NODES_MAX]; /* sentinel, node */
    struct node node[NODES_MAX];
    struct state_records saved[TROUPE_MAX];
    unsigned dials[TROUPE_MAX]; /* lines that it wanted opened */
    int exited[TROUPE_MAX]; /* status of ACTION_EXIT; 0 none */
    struct bytes log;       /* "[1234] S1 +sdown master mymaster ..." lines, and answers, scripts */
    struct primary_config config;
    struct machine_config base;
    struct inner *inner;
};

/* down_after_ms 1000, failover_timeout_ms 10000, quorum 2, parallel_syncs 1 unless changed in `config` before start. */
void troupe_init(struct troupe *troupe, unsigned machines, unsigned nodes);
void troupe_start(struct troupe *troupe);
void troupe_fini(struct troupe *troupe);

void troupe_run(struct troupe *troupe, int64_t ms);
/* Runs until the log holds `text` (from its position now); false: it did not within `ms`. */
bool troupe_until(struct troupe *troupe, const char *text, int64_t ms);
unsigned troupe_count(const struct troupe *troupe, const char *text); /* occurrences in the log */

void troupe_kill(struct troupe *troupe, unsigned node);
void troupe_return(struct troupe *troupe, unsigned node, int follows); /* starts it again as ... */
void troupe_kill_machine(struct troupe *troupe, unsigned machine);
void troupe_restart_machine(struct troupe *troupe, unsigned machine); /* from what it saved last */
void troupe_event(struct troupe *troupe, unsigned machine, const struct event *event);

struct primary *troupe_primary(struct troupe *troupe, unsigned machine);
/* The node that this machine takes for the primary. */
int troupe_believes(struct troupe *troupe, unsigned machine);
