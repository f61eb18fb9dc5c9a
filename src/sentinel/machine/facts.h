/* INFO, PING and ROLE replies to facts: pure reading of what a peer said, which may be anything.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/instance.h"

/* A `slaveN:` line. */
struct facts_replica {
    struct slice host; /* 1..255 bytes, borrowed from the text */
    uint16_t port;     /* not 0 */
    int64_t lag_s;     /* seconds since it acknowledged; -1 not said */
};

enum { FACTS_REPLICAS_MAX = 1000 };

struct facts_replicas {
    struct facts_replica items[FACTS_REPLICAS_MAX];
    size_t count;
};

/* Reads an INFO text. Fields that it does not hold, or that make no sense, keep what `facts` had before (INFO
 * replication has no run_id, say); at_ms becomes now_ms. A role change clears what only the other role has.
 * False: it names no role, so it is no INFO of a data node; `facts` is as it was. */
bool facts_read_info(struct facts *facts, struct slice info, int64_t now_ms, struct facts_replicas *replicas);

/* INFO server of another sentinel: is it a kvd? */
bool facts_is_kvd(struct slice info);

enum facts_ping {
    FACTS_PING_PONG,
    FACTS_PING_LOADING,    /* acceptable: it is alive and will be there */
    FACTS_PING_MASTERDOWN, /* acceptable: a replica without its primary */
    FACTS_PING_BUSY,       /* a script runs: not acceptable, but may be killed */
    FACTS_PING_BAD,        /* anything else */
};
enum facts_ping facts_read_ping(const struct reply_view *reply);

/* The answer of SENTINEL is-master-down-by-addr. False: it is not one. */
struct facts_opinion {
    bool down;
    struct slice leader; /* empty: "*" */
    uint64_t leader_epoch;
    uint32_t least; /* of a kvd's vote in a guarded set; 0: not said */
};
bool facts_read_opinion(const struct reply_view *reply, struct facts_opinion *opinion);
