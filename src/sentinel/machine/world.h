/* What this sentinel believes: the primaries, their replicas, the other sentinels, and its own epochs and settings.
 *
 * Outside of the machine everything here is for reading only (SENTINEL's replies, INFO, the simulator's invariants),
 * and valid until the next machine_step().
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/heap.h"
#include "base/list.h"
#include "base/random.h"
#include "base/sm.h"
#include "base/table.h"
#include "sentinel/machine/instance.h"

enum { DEFAULT_DOWN_AFTER_MS = 30000, DEFAULT_FAILOVER_TIMEOUT_MS = 180000, DEFAULT_FAST_GRACE_MS = 20,
       DEFAULT_PRE_FAILOVER_MS = 5000 };

/* The parameters of SENTINEL DEBUG, in its order. */
struct timing {
    int64_t info_period_ms;               /* 10000 */
    int64_t ping_period_ms;               /* 3000: at most; see instance_derive() */
    int64_t ask_period_ms;                /* 1000 */
    int64_t publish_period_ms;            /* 2000 */
    int64_t default_down_after_ms;        /* 30000 */
    int64_t tilt_trigger_ms;              /* 2000 */
    int64_t tilt_period_ms;               /* 1000 at most (the field's servers: 30000) */
    int64_t reconf_timeout_ms;            /* 10000: slave-reconf-timeout */
    int64_t min_link_reconnect_period_ms; /* 15000 */
    int64_t default_failover_timeout_ms;  /* 180000 */
    int64_t election_timeout_ms;          /* 10000 */
    int64_t script_max_runtime_ms;        /* 60000; the driver's */
    int64_t script_retry_delay_ms;        /* 30000; the driver's */
};

/* The parameters' names ("info-period" ...) and values, for SENTINEL DEBUG. False: index is past the last. */
bool timing_parameter(const struct timing *timing, unsigned index, const char **name, int64_t *value);

enum failover_state {
    FAILOVER_NONE,
    FAILOVER_WAIT_START,     /* the election is open and we stand */
    FAILOVER_SELECT,         /* elected: choosing the replica */
    FAILOVER_SEND,           /* chosen: the promotion waits for its line or for the disk */
    FAILOVER_WAIT_PROMOTION, /* ordered: waiting for the proof */
    FAILOVER_RECONF,         /* promoted and announced: the other replicas are being repointed */
    FAILOVER_UPDATE_CONFIG,  /* all done */
    FAILOVER_STATES
};

enum failover_result {
    FAILOVER_RESULT_NONE, /* still running */
    FAILOVER_DONE,
    FAILOVER_DONE_TIMEOUT, /* promoted, but not every replica followed in time */
    FAILOVER_NOT_ELECTED,
    FAILOVER_NO_REPLICA,
    FAILOVER_REPLICA_TIMEOUT,
    FAILOVER_PRIMARY_BACK,    /* the primary answered again before a promotion was ordered */
    FAILOVER_PRIMARY_TIMEOUT, /* coordinated: the primary did not hand over */
    FAILOVER_VETOED,          /* by the pre-failover script */
    FAILOVER_TOO_FEW_FENCED,  /* guarded: acknowledged writes might be on none of those that could be promoted */
    FAILOVER_SUPERSEDED,      /* a newer configuration came from another sentinel, or RESET */
};
const char *failover_result_name(enum failover_result result);

/* One failover that we led or tried to lead, or (as_observer) a switch that another sentinel told us of. Times are
 * monotonic, NEVER for phases not reached; started_wall_ms is for people. */
struct failover_record {
    uint64_t epoch;
    int64_t started_wall_ms;
    int64_t down_ms; /* when the primary was found s_down */
    int64_t odown_ms;
    int64_t asked_ms;   /* when an operator asked for it */
    int64_t started_ms; /* the (last) candidacy */
    int64_t elected_ms;
    int64_t selected_ms;
    int64_t ordered_ms;  /* SLAVEOF NO ONE sent */
    int64_t promoted_ms; /* proof that it was executed; also the switch */
    int64_t ended_ms;
    uint32_t rounds;        /* elections it took */
    uint32_t votes, voters; /* of the last round */
    bool forced, coordinated, as_observer;
    bool unagreed; /* forced, and the other sentinels could not be asked */
    enum failover_result result;
    char reason[160];
    char leader[SENTINEL_ID_SIZE];
    char from[300], to[300]; /* "host:port" */
    int64_t lost_bytes;      /* what the chosen one lacks of the furthest known; -1 not known */
    int64_t script_ms;       /* the pre-failover script ended; NEVER */
    char script[160];        /* how; "": none was run */
};

struct rename {
    char *from, *to;
};

/* What the configuration or SENTINEL SET says about one primary; texts are owned, NULL is none. */
struct primary_options {
    int64_t down_after_ms;
    int64_t failover_timeout_ms;
    int64_t reboot_down_after_ms; /* master-reboot-down-after-period; 0: LOADING counts as up */
    uint32_t quorum; /* 0: the majority of all sentinels, see primary_quorum() */
    uint32_t parallel_syncs;
    bool fast_failover;    /* fast-failover: who is known to be gone is down at once (gone.h) */
    int64_t fast_grace_ms; /* a restart that is shorter is none of our business */
    bool protect_from_empty;  /* protect-from-empty-primary (protect.h) */
    bool maintenance;         /* watch, but do not act */
    int64_t max_replica_lag;  /* bytes behind the furthest; 0: no limit */
    char *prefer_zone;        /* replicas of this zone come before others of the same priority */
    char *replica_zones;      /* "10.0.0.2:6379=a 10.0.0.3:6379=b" */
    char *auth_user, *auth_pass;
    char *notification_script, *client_reconfig_script;
    char *pre_failover_script; /* fence.h */
    int64_t pre_failover_timeout_ms;
    bool pre_failover_veto; /* what no answer of it means */
    struct rename *renames;
    size_t rename_count;
};

/* See guard.h. */
struct guard {
    uint32_t least;          /* n; 0: the set is not guarded */
    uint64_t least_sequence; /* the save that has it */
    char run_id[SENTINEL_ID_SIZE]; /* of the process that we promise to; "" none yet */
    int64_t stamp, stamp_ms; /* its last answer, and when it came; 0: none */
    int64_t promised_ms;     /* until then we vote for no other; NEVER: nothing was promised */
    int64_t restart_ms;      /* what was promised before is not known; NEVER: nothing can have been */
    struct guard_vote {      /* ours beyond the configuration whose failovers may not be over */
        uint64_t epoch;
        int64_t at_ms;
        char leader[SENTINEL_ID_SIZE]; /* who may say that it gave it up; "" nobody any more */
    } votes[4];
    size_t vote_count;
    char history[SENTINEL_ID_SIZE]; /* the primary's, as its INFO said since it is one; "" not read */
    bool told_refused;
    int64_t held_ms;    /* when it last said that its lease is held; NEVER */
    /* as the leader of failover->epoch */
    uint32_t leader_least;  /* the smallest n that any voter knows */
    bool unguarded;         /* an operator gave the promise up for this failover */
    bool primary_fenced;    /* it has answered */
    bool waits;             /* and said so */
    uint64_t primary_epoch; /* its fence; 0 none */
    /* an operator's failover that waits until the primary is fenced */
    bool forcing, force_coordinated, force_planned, force_protecting;
    uint32_t force_wanted;
    int64_t force_until_ms;
    uint64_t force_request;
    char force_reason[160];
};

/* What one other sentinel said about one primary. Owned by the primary; also linked in its peer. */
struct seat {
    struct primary *primary;
    struct instance *peer;
    struct list_node at_primary, at_peer;
    bool says_down;
    int64_t said_ms;               /* when it last said so or the contrary; NEVER. Counts for 5 x ask period */
    int64_t says_down_since_ms;    /* meaningful while it agrees: when it first said so */
    int64_t asked_ms;              /* NEVER */
    char leader[SENTINEL_ID_SIZE]; /* "" none: its vote as it told us */
    uint64_t leader_epoch;
    uint64_t answered_epoch;    /* the newest of our requests for its vote that it answered */
    uint64_t vote_request;      /* the request whose answer was its vote in leader_epoch */
    uint64_t census_request;    /* the newest REQUEST_NAMED that it answered; both: guard.h */
    uint64_t census_asked;
    int64_t last_hello_ms;      /* from it; NEVER */
    bool spoke;                 /* to us directly, in this life (fresh.h) */
    int64_t counts;             /* so many sentinels, itself included; 0: not asked or not said */
    int64_t last_hello_sent_ms; /* to it; NEVER */
};

/* An is-master-down-by-addr that waits until our vote is on disk. */
struct held_answer {
    struct held_answer *next;
    uint64_t token, sequence, epoch;
    bool down;
};

struct failover {
    struct sm sm;            /* enum failover_state; since_ms and reason are its */
    uint64_t epoch;          /* of the running or last attempt */
    struct instance *target; /* the replica; NULL before it is selected */
    bool protecting;         /* because the primary lost data: only with a majority (P2) */
    uint32_t wanted;         /* the replica that the operator chose; 0 none */
    bool forced, coordinated;
    bool planned;             /* coordinated, by a plain order to a kvd: forced when it cannot hand over (F5) */
    bool by_primary;          /* coordinated, by its FAILOVER: it does not stop its writes for us */
    int64_t stopped_offset;   /* coordinated: all that the primary has, its writes being stopped; -1: not yet */
    int64_t stopped_until_ms; /* and they surely are until then */
    bool ordered;           /* a promotion was sent in this epoch: no other target may get one; or the writes' stop */
    bool promoting;         /* and it was a promotion */
    uint64_t fence_token; /* of the pre-failover script that runs; 0 none */
    int64_t fence_ms, fenced_ms; /* when it was started and ended; NEVER */
    bool vetoed;
    uint64_t order_request; /* the one that is not answered yet; 0 none */
    int64_t wish_ms, wish_since_ms; /* asked.h: when to do as a primary wishes, INT64_MAX nothing; since when it does */
    uint32_t wish_of;               /* the instance */
    int64_t start_ms;       /* of the running or last attempt; NEVER */
    int64_t stand_ms;       /* when to stand (next); INT64_MAX: nothing to stand for */
    int64_t retry_ms;       /* not before; NEVER: no pause */
    int64_t asked_ms;       /* when an operator asked for it, and it is not elected yet (nor anything else came of it); NEVER */
    bool asked_coordinated, asked_unguarded;
    int64_t polled_ms;      /* INFO of the replicas; NEVER */
    uint32_t rounds;        /* lost ones in a row */
    bool tried_in_vain;     /* no replica could be promoted: not again until one can */
    uint64_t count;         /* failovers that we led to a promotion */
    uint64_t attempts, aborted;
    struct failover_record record; /* of the running or last one */
    struct bytes noted_votes, noted_replicas; /* for its history (history.h) */
};

/* See protect.h. */
struct protect {
    bool restarted; /* and not judged harmless yet */
    int64_t keys_before;
    int64_t stand_ms; /* INT64_MAX: not judged yet */
    int64_t until_ms;
};

/* A replica that an operator had forgotten: INFO of the primary may name it for a while yet. Owned by the primary. */
struct forgotten {
    struct list_node node;
    char *host, *ip;
    uint16_t port;
    int64_t at_ms;
};

/* A watched primary with all that belongs to it: what the field calls a master. Owned by the world. */
struct primary {
    struct world *world;
    uint32_t number; /* never used again */
    char *name;
    struct list_node node;     /* in world->primaries, in the order of the configuration */
    struct instance *instance; /* the current primary */
    struct list replicas;      /* of struct instance */
    size_t replica_count;
    struct list seats; /* of struct seat */
    size_t seat_count;
    struct protect protect;
    struct guard guard;
    struct list forgotten; /* of struct forgotten */
    struct list history;   /* of struct history_record */
    size_t history_count;

    struct primary_options options;
    struct table *changed;  /* option name -> text in force: what SENTINEL SET changed; owned */
    struct table *original; /* option name -> text of the configuration, for each of `changed`; owned */
    char *configured_host;  /* "" at run time */
    uint16_t configured_port;
    bool at_run_time;
    bool was_seen;        /* its primary has said, in this life, that it is one */
    bool fresh;           /* what we voted before is not known (fresh.h) */
    int64_t fresh_since_ms, fresh_asked_ms;
    bool fresh_listened; /* long enough to know the other sentinels */
    bool forget_replicas; /* at the start: those of the state belong to another address */

    uint64_t config_epoch;
    uint64_t vote_epoch;                /* the last epoch in which we voted here (or learned that we had) */
    char vote_leader[SENTINEL_ID_SIZE]; /* for whom; "" nobody */
    int64_t voted_ms;
    int64_t promised_ms;       /* the first of our votes in a row for the same one, of this round's time (V7); NEVER */
    uint64_t vote_sequence;    /* the save that has it */
    uint64_t saved_vote_epoch; /* the last one that is known to be on disk */
    struct held_answer *held;  /* owned */

    bool o_down;
    int64_t o_down_since_ms;
    int64_t ask_ms; /* next round of questions; INT64_MAX none */
    int64_t ask_pause_ms;
    int64_t switched_ms;                /* the last change of address; NEVER */
    char switched_by[SENTINEL_ID_SIZE]; /* the leader of it, as far as known */
    int64_t down_since_ms;              /* when the trouble began that the next failover answers to; NEVER */

    struct failover failover;
    struct deadline due;
    unsigned dirty;            /* STATE_PART_... that machine_take_changes() has not given out yet */
    struct list_node at_dirty; /* in world->dirty, when any */
};

struct settings {
    char *announce_ip;      /* NULL: our side of each line */
    uint16_t announce_port; /* 0: port */
    uint16_t port;          /* where we listen (the TLS port when links are TLS) */
    bool resolve_hostnames, announce_hostnames, deny_scripts_reconfig;
    char *sentinel_user, *sentinel_pass; /* NULL none */
};

/* What can make no sense (complaint.h). */
enum complaint {
    COMPLAINT_PING,
    COMPLAINT_INFO,
    COMPLAINT_PUBLISH,
    COMPLAINT_HELLO,
    COMPLAINT_STRANGER, /* a hello of a primary that is not watched here */
    COMPLAINT_EPOCH,
    COMPLAINT_OPINION,
    COMPLAINT_CANDIDATE,
    COMPLAINT_ORDER,
    COMPLAINT_LINE, /* not the protocol, or a reply without end */
    COMPLAINT_KINDS
};
struct complaint_record {
    int64_t at_ms;   /* of the last one that was told; NEVER */
    uint64_t untold; /* since then */
};

/* Owned by the machine. */
struct world {
    char id[SENTINEL_ID_SIZE];
    uint64_t current_epoch;
    struct settings settings;
    struct table *changed_settings, *original_settings;
    struct timing timing;
    unsigned simulate; /* SIMULATE_... */

    struct list primaries;
    size_t primary_count;
    int64_t trouble_ms; /* when a primary was last s_down; NEVER */
    struct table *by_name; /* -> struct primary */
    struct list peers;     /* of struct instance */
    struct table *peers_by_id;
    bool reach_known, all_within_reach;       /* cadence.c: all peers are kvd's and reachable; found out once a step */
    struct table *addresses;                  /* name -> struct resolved, when names are resolved */
    size_t sought_count;                      /* instances with is_sought */
    struct list removed;                      /* of struct removed: SENTINEL REMOVE of configured ones */
    struct instance **instances;              /* by number; NULL gone. Capacity below */
    size_t instance_count, instance_capacity; /* count: highest number + 1 */
    uint32_t next_primary;

    bool tilt;
    int64_t tilt_since_ms, tilt_lasts_ms; /* until all primaries had the time to answer a ping */
    uint64_t tilts;
    uint64_t stalls;    /* late wake-ups that moved deadlines */
    int64_t stalled_ms; /* in all */

    /* The state on disk */
    uint64_t state_sequence; /* of the newest change */
    uint64_t save_sequence;  /* of the save that is under way; 0 none */
    uint64_t saved_sequence; /* of the newest change on disk */
    bool save_urgent;
    struct list dirty; /* of struct primary */
    bool dirty_whole;  /* anything may have changed */
    bool save_whole; /* FLUSHCONFIG */
    int64_t save_ms; /* not before: batches what is not urgent, spaces out retries */
    bool save_failing;
    char save_error[200];
    uint64_t saves, save_failures;
    size_t history_count; /* of all primaries */
    struct held_answer *flushes; /* SENTINEL FLUSHCONFIG that wait */

    char local_ip[46]; /* ours, on the line that was opened last */
    bool duplicate_id; /* somebody else announced our id */
    uint64_t elections, hellos_heard, hellos_bad, votes_given;
    struct complaint_record complaints[COMPLAINT_KINDS];
    uint64_t complaint_count;

    /* Inner works */
    int64_t now_ms, wall_ms, last_step_ms, wake_ms;
    struct random random;
    struct heap deadlines; /* of struct deadline */
    uint64_t next_request;
    struct actions *actions; /* during a step */
    bool started;
};

struct primary *world_find_primary(const struct world *world, struct slice name); /* NULL: none */
/* By the current address, as SENTINEL IS-MASTER-DOWN-BY-ADDR does. NULL: none. */
struct primary *world_find_primary_at(const struct world *world, struct slice ip, int64_t port);
struct instance *world_find_instance(const struct world *world, uint32_t number); /* NULL: gone */
struct seat *primary_find_seat(const struct primary *primary, struct slice id);   /* NULL: none */

/* Sentinels of this primary, ourselves included; and how many of the voters must agree at least. */
size_t primary_voters(const struct primary *primary);
size_t primary_majority(const struct primary *primary);
/* How many must find it down: options.quorum, or the majority. */
size_t primary_quorum(const struct primary *primary);
/* Sentinels that are usable now (connected and not down), ourselves included. */
size_t primary_usable(const struct primary *primary);
/* SENTINEL CKQUORUM. True: text is "3 usable Sentinels. Quorum and failover authorization can be reached"; false: the
 * words after NOQUORUM. */
bool primary_check_quorum(const struct primary *primary, struct bytes *text);
