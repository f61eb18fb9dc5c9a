/* One watched process: its address, its lines, what it last said, and its deadlines.
 *
 * Instances are primaries, replicas and other sentinels. An instance of a data node keeps its number, lines and facts
 * when it changes from replica to primary or back; another sentinel is one instance however many primaries it shares
 * with us (what it said about each of them is its seat there, world.h).
 *
 * Outside of the machine the fields are for reading only, and are valid until the next machine_step(). All times are
 * monotonic milliseconds; NEVER means that it has not happened.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/heap.h"
#include "base/list.h"
#include "sentinel/machine/action.h"
#include "sentinel/machine/state.h"

struct primary;
struct world;

enum { NEVER = -1 };

enum instance_kind { INSTANCE_PRIMARY, INSTANCE_REPLICA, INSTANCE_SENTINEL };

enum role { ROLE_UNKNOWN, ROLE_PRIMARY, ROLE_REPLICA };

enum line_phase {
    LINE_IDLE,       /* to be opened at retry_ms */
    LINE_CONNECTING, /* since since_ms */
    LINE_OPEN,       /* since since_ms */
};

/* A node of world->deadlines, which holds instances and primaries alike. */
struct deadline {
    struct heap_node node;
    bool of_primary;
};

struct request {
    uint64_t number;
    enum request_kind kind;
    int64_t sent_ms;
    uint32_t commands; /* how many replies are due */
    uint32_t answered; /* so many of them, in order */
    uint32_t primary;  /* the primary it is about (struct primary's number); 0: none */
    uint64_t epoch;    /* REQUEST_ASK: of the vote asked for (0: only the opinion). Orders: of the failover */
    bool failed;       /* one of its commands was refused */
    struct request *next;
};

struct line {
    enum line_phase phase;
    int64_t since_ms;
    int64_t retry_ms;        /* LINE_IDLE: when to try again */
    uint32_t failures;       /* in a row */
    enum line_reason reason; /* of the last failure or loss */
    char detail[96];
    struct request *first, *last; /* unanswered ones, in order; owned */
    uint32_t pending;             /* commands in them */
};

/* What INFO said last. */
struct facts {
    int64_t at_ms; /* when the INFO that said it was answered; NEVER */
    enum role role;
    char run_id[SENTINEL_ID_SIZE]; /* "" unknown */
    bool loading;
    int64_t keys; /* of all databases; -1 unknown */
    /* of a replica */
    char primary_host[256];
    uint16_t primary_port;
    bool link_up;         /* master_link_status:up */
    int64_t link_down_ms; /* master_link_down_since_seconds; -1 not said */
    int64_t priority;     /* 100 until said */
    int64_t replica_offset;
    bool announced; /* replica_announced */
    /* of either */
    int64_t primary_offset; /* master_repl_offset */
    char replication_id[SENTINEL_ID_SIZE];
    char handover[24]; /* master_failover_state */
    bool is_kvd;       /* kvd_version; as the last full INFO said */
    uint32_t sync_min;        /* repl_sync_min: so many replicas confirm each write at least; 0: not said, or none */
    uint64_t fence_epoch;     /* repl_fence_epoch; 0: it is not fenced */
    char former_id[SENTINEL_ID_SIZE]; /* master_replid2: of the history that this one goes on from ... */
    int64_t former_offset;            /* ... and up to where; -1 none */
};

/* How far a replica is with following the new primary. */
enum reconf { RECONF_NONE, RECONF_SENT, RECONF_INPROG, RECONF_DONE };

/* Owned by the world. */
struct instance {
    uint32_t number;
    enum instance_kind kind;
    struct world *world;
    struct primary *primary; /* whose node or replica it is; NULL for sentinels */
    struct list_node node;   /* in primary->replicas, or in world->peers */

    char *name;  /* owned: "ip:port" of replicas, id of sentinels, the group's name of primaries */
    char *host;  /* owned: as configured or heard: a name or an address */
    char ip[46]; /* "" while unresolved */
    uint16_t port;
    char id[SENTINEL_ID_SIZE]; /* the sentinel's id; of data nodes the run id as INFO said it */

    struct line lines[LINE_KINDS];
    char local_ip[46]; /* our side of the command line */

    /* PING */
    int64_t known_ms;        /* since when this address is watched */
    int64_t last_ping_ms;    /* sent; NEVER */
    int64_t ping_pending_ms; /* when the oldest unanswered one was sent; 0 none */
    int64_t last_good_ms;    /* acceptable reply */
    int64_t last_reply_ms;   /* any reply to PING */
    int64_t proof_ms;        /* down_after counts from here: when the last ping that got an acceptable answer was sent
                              * (moved on by stalls, and by a new address) */
    int64_t rtt_ms;          /* of the last good one */
    int64_t usual_rtt_us;    /* as it mostly is: who was busy once is not far away; NEVER */
    char last_ping_text[64]; /* the last reply that was not acceptable */

    bool s_down;
    int64_t s_down_since_ms;
    bool script_kill_sent;
    bool rebooted; /* and has not answered PONG since; see primary's reboot_down_after_ms */
    int64_t rebooted_ms;

    /* Whether its process is known to be gone (gone.h) */
    int64_t lost_ms;   /* when an open line was reset; NEVER, also when something else came between */
    uint32_t refusals; /* attempts that were refused since */
    bool gone;

    /* INFO */
    struct facts facts;
    char *info; /* owned: the raw text of the last full INFO; NULL none */
    size_t info_size;
    int64_t info_ms; /* when `info` was answered; NEVER */
    int64_t last_info_sent_ms;
    enum role role_reported;
    int64_t role_since_ms;
    int64_t follows_since_ms; /* replicas: since when primary_host:port is what it is */

    /* Hello */
    int64_t last_hello_sent_ms;
    int64_t hello_look_ms; /* not before: whether a hello is due was looked at; 0: look */
    int64_t hello_gap_ms; /* how long our own hello may be away on the pub/sub line */
    int64_t last_heard_ms; /* anything on the pub/sub line */

    /* As a replica */
    bool hearsay;     /* known only because the configured primary follows it; never told to follow */
    bool promoted;    /* chosen by the failover that is running */
    int64_t took_over_ms; /* when it, a replica of the primary, was seen to be a primary with all the data that it had; NEVER */
    bool was_primary; /* a switch demoted it; until it was seen as a replica */
    bool is_sought;   /* its command line was lost, and it is or was the primary: dialled more often (cadence.c) */
    enum reconf reconf;
    int64_t reconf_since_ms;
    int64_t last_order_ms;  /* the last SLAVEOF we sent; NEVER */
    uint64_t refused_epoch; /* the failover in which it refused to be promoted; 0 none */
    char refusal[96];       /* the words of the last refused order */

    /* Guarded sets (guard.h) */
    uint64_t known_sequence; /* the save that has this replica */
    bool named;              /* to the current primary, by us: it may have confirmed something */
    uint64_t named_epoch;    /* the failover in which another sentinel said that it named it; 0 none */
    uint64_t fence_asked;    /* the failover in which it was told to stop confirming, on this line; 0 none */
    uint64_t fenced_epoch;   /* and in which it has answered that it does */
    int64_t fenced_offset, fenced_synced; /* what it has, executed and on its disk; -1 unknown */
    char fenced_history[SENTINEL_ID_SIZE];
    uint64_t fence_seen; /* the fence that its INFO speaks of, and since when */
    int64_t fence_seen_ms;

    /* As a sentinel */
    struct list seats;     /* of struct seat, by `at_peer` */
    bool is_kvd;           /* its INFO said so */
    int64_t last_hello_ms; /* from it, about any primary; NEVER */

    int64_t down_after_ms, ping_period_ms; /* derived from its primary's options */
    struct deadline due;                   /* the earliest of all its deadlines */
};

/* Whole milliseconds without an acceptable answer. */
int64_t instance_silent_ms(const struct instance *instance, int64_t now_ms);
size_t instance_memory(const struct instance *instance); /* bytes, what the machine keeps for it */
/* Its command line is up. */
bool instance_is_connected(const struct instance *instance);
/* The name or the address that clients and other sentinels are told. */
const char *instance_shown_host(const struct instance *instance, const struct world *world);
/* The flags of SENTINEL MASTERS, REPLICAS and SENTINELS: "master,s_down,o_down", "slave,disconnected" ... */
void instance_flags(const struct instance *instance, struct bytes *out);
/* "sdown"-style words for roles on the wire: "master", "slave". */
const char *role_name(enum role role);
const char *instance_kind_name(enum instance_kind kind); /* "master", "slave", "sentinel" */
