/* What the files of a history share: everything that lives in it.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sim/dice.h"
#include "sim/history.h"
#include "sim/redis_sentinel.h"
#include "sim/server_model.h"

enum {
    MOST_SENTINELS = 17,
    MOST_GROUPS = 6, /* in a random topology */
    MOST_SERVERS = 5, /* in a group */
    SERVER_PORT = 6379,
    SENTINEL_PORT = 26379,
    MILLISECOND = 1000,
    SECOND = 1000 * MILLISECOND,
};

/* A primary with its replicas. servers[0] is the primary at first. */
struct group {
    char name[16];
    struct server *servers[MOST_SERVERS];
    char server_names[MOST_SERVERS][24], primary_host[32]; /* the host that sentinels are configured with */
    size_t count;
};

struct history {
    struct history_options options;
    struct random random;
    struct schedule schedule;
    struct trace trace;
    struct verdict verdict;
    char missed[200]; /* what was not well last */
    struct network *network;
    struct names *names; /* NULL: everybody goes by address */
    struct invariants *invariants;
    struct ledger *ledger;       /* guarded: what was acknowledged; else NULL */
    unsigned sync_min;           /* guarded: n of all groups */
    uint64_t too_few;
    const struct host_observer *observer; /* of all hosts: the invariants', or one that passes on to it */
    void *observer_context;

    /* The topology */
    struct group *groups;
    size_t group_count;
    struct primary_config *watched; /* by group */
    struct sentinel_host *hosts[MOST_SENTINELS];
    char host_names[MOST_SENTINELS][16], host_ids[MOST_SENTINELS][SENTINEL_ID_SIZE];
    size_t host_count;
    struct redis_sentinel *peers[MOST_SENTINELS]; /* of another make, in mixed quorums */
    size_t peer_count;
    size_t sentinel_count; /* hosts and peers */
    bool pods, announce_names; /* servers announce names and move; sentinels announce names */
    unsigned quorum;
    int64_t down_after_ms, failover_timeout_ms;
    bool fast;
    int64_t fast_grace_ms;
    bool scripts; /* a script is asked before a promotion */
    int64_t script_timeout_ms;
    bool script_veto;
    int64_t slowest_us; /* of syncs and restarts: part of the bound of L1 */

    /* Faults */
    bool wiped;         /* a sentinel lost its disk, or did not see all servers at its start */
    struct list faults; /* that are in force */
    struct happening strike;
    int64_t pace_us, heal_us; /* a fault so often on average; the end of all */
    unsigned operators_permille;
};

/* history.c */
void history_init(struct history *history, const struct history_options *options);
void history_fini(struct history *history);
bool history_run_until(struct history *history, int64_t until_us); /* false: a violation */
/* Runs until all is well and was so for a while; `took_us` is until the while began. False: a violation, or `bound_us` is
 * over. `phase` says after what. */
bool history_run_until_well(struct history *history, int64_t bound_us, const char *phase, int64_t *took_us);

/* topology.c */
void topology_build(struct history *history);
void topology_make_room(struct history *history, size_t groups); /* for so many groups, which are to be built */
void topology_set_bounds(struct history *history);
void topology_start_servers(struct history *history);
void topology_start_sentinels(struct history *history);
void topology_free(struct history *history);
void topology_describe(const struct history *history, char *text, size_t size);

/* faults.c */
void faults_begin(struct history *history, int64_t duration_us);
void faults_kill_soon(struct history *history, size_t group); /* the first primary of the group, in a moment */
void faults_end(struct history *history); /* heals everything */
void faults_free(struct history *history);

/* liveness.c: whether all is well now; `why` (200 bytes) says what is not. */
bool liveness_holds(const struct history *history, char *why);
int64_t liveness_bound_us(const struct history *history);
