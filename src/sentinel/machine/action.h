/* All that may go out of the sentinel machine: a list of tagged structs, to be carried out in order.
 *
 * Everything an action points to lives until actions_clear(). The driver carries the list out after machine_step()
 * returned, and never calls machine_step() from within the walk: what follows from an action (a synchronous save, a
 * connect that fails at once) is queued and fed in afterwards.
 *
 * Durability is not the driver's concern beyond ACTION_SAVE: the machine itself holds back every vote and promotion
 * until EVENT_SAVED told it that the state they rest on is on disk.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "sentinel/machine/event.h"

enum sentinel_event {
#define SENTINEL_EVENT(id, name, level, help) SENTINEL_EVENT_##id,
#include "sentinel/machine/events.def"
#undef SENTINEL_EVENT
    SENTINEL_EVENT_COUNT
};

enum sentinel_event_level {
    SENTINEL_LEVEL_DEBUG,   /* logged only */
    SENTINEL_LEVEL_VERBOSE, /* logged and published */
    SENTINEL_LEVEL_NOTICE,
    SENTINEL_LEVEL_WARNING, /* and the notification script */
};

const char *sentinel_event_name(enum sentinel_event event); /* "+sdown" */
enum sentinel_event_level sentinel_event_level(enum sentinel_event event);
const char *sentinel_event_help(enum sentinel_event event);

enum action_kind {
    ACTION_CONNECT,    /* `connect`: open a line; answered by EVENT_LINE_UP or EVENT_LINE_DOWN. Any older connection of
                        * this line is closed first. The driver does not retry by itself: the machine asks again */
    ACTION_DISCONNECT, /* `disconnect`: close it (also while connecting); no event needed */
    ACTION_FORGET,     /* `disconnect.instance`: the instance is gone; close all and free what was kept for it */
    ACTION_SEND,       /* `send`: commands on the command line of an instance that is up, written at once, in order */
    ACTION_PUBLISH,    /* `publish`: log it and deliver it to our own subscribers (level DEBUG: log only) */
    ACTION_SAVE,       /* `save`: write machine_state() durably (fsync), then EVENT_SAVED. One at a time */
    ACTION_ANSWER,     /* `answer`: to whoever waits under this token */
    ACTION_SCRIPT,     /* `script`: queue it (the queue, retries and limits are the driver's) */
    ACTION_RESOLVE,    /* `resolve`: look the name up off the loop; EVENT_RESOLVED. Never twice at a time for a name */
    ACTION_EXIT,       /* `exit`: SENTINEL SIMULATE-FAILURE: leave the process with this status, now */
    ACTION_WAKE, /* `wake`: replaces the time of the one EVENT_TIMER that is wanted. At most one a step, the last */
    ACTION_KINDS
};

enum request_kind {
    REQUEST_PING,
    REQUEST_INFO,             /* INFO, all default sections: kept for SENTINEL INFO-CACHE */
    REQUEST_INFO_REPLICATION, /* INFO replication: the small one, asked for often during a failover */
    REQUEST_HELLO,            /* PUBLISH __sentinel__:hello payload */
    REQUEST_ASK,              /* SENTINEL is-master-down-by-addr ip port epoch id-or-* */
    REQUEST_PROMOTE,          /* MULTI, SLAVEOF NO ONE, CONFIG REWRITE, CLIENT KILL x2, EXEC */
    REQUEST_REPOINT,          /* MULTI, SLAVEOF host port, CONFIG REWRITE, CLIENT KILL x2, EXEC */
    REQUEST_SETTLE,           /* MULTI, CONFIG REWRITE, CLIENT KILL x2, EXEC: after a coordinated failover */
    REQUEST_SCRIPT_KILL,
    REQUEST_HANDOVER,       /* FAILOVER TO host port TIMEOUT ms */
    REQUEST_HANDOVER_ABORT, /* FAILOVER ABORT */
    REQUEST_IDENTIFY,       /* INFO server, to another sentinel: is it a kvd? */
    REQUEST_FORGET,         /* SENTINEL FORGET ... LOCAL, to another kvd sentinel */
    REQUEST_CENSUS,         /* SENTINEL MASTER name, to another sentinel: how many does it know? */
    REQUEST_LEASE,          /* GUARD LEASE id sentinels ms stamp replica...: guard.h */
    REQUEST_FENCE,          /* GUARD FENCE epoch id, to a replica */
    REQUEST_FENCE_PRIMARY,  /* the same to the primary, after CLIENT PAUSE ms WRITE when coordinated */
    REQUEST_RELEASE,        /* GUARD RELEASE epoch */
    REQUEST_NAMED,          /* SENTINEL REPLICAS name, to another sentinel: which did it name to the primary? */
    REQUEST_ABANDON,        /* SENTINEL ABANDON name epoch id, to another kvd sentinel */
    REQUEST_KINDS
};

/* One command; names that rename-command changed are already the new ones. */
struct command_view {
    const struct slice *args;
    size_t count;
};

enum answer_kind {
    ANSWER_OK,
    ANSWER_ERROR, /* text, with its code: "INPROG Failover already in progress" */
    ANSWER_COUNT, /* count: SENTINEL RESET */
    ANSWER_VOTE,  /* down, leader, leader_epoch */
};

enum script_kind {
    SCRIPT_NOTIFICATION,
    SCRIPT_RECONFIG,
    SCRIPT_PRE_FAILOVER, /* at once and once; answered by EVENT_SCRIPT_ENDED */
};

struct action {
    enum action_kind kind;
    union {
        struct {
            uint32_t instance;
            enum line_kind line;
            bool is_sentinel; /* the instance is another sentinel */
            const char *ip;   /* numeric */
            const char *host; /* as it was configured: the name to verify in TLS; may equal ip */
            uint16_t port;
            const char *user;        /* NULL: none */
            const char *password;    /* NULL: no AUTH. For another sentinel: sentinel-pass; the driver may fall back
                                      * to requirepass */
            const char *client_name; /* for CLIENT SETNAME */
            int64_t timeout_ms;         /* to be up, TLS included */
            int64_t answer_timeout_ms;  /* at most that: for its host to answer at all */
            int64_t unacked_timeout_ms; /* once it is up: its host has so long to acknowledge what was sent, else the line is
                                         * down with LINE_TIMEOUT */
        } connect;
        struct {
            uint32_t instance;
            enum line_kind line;
        } disconnect;
        struct {
            uint32_t instance;
            enum request_kind request_kind;
            uint64_t request; /* grows; comes back in EVENT_REPLY */
            const struct command_view *commands;
            size_t count; /* each gets its EVENT_REPLY */
        } send;
        struct {
            enum sentinel_event event;
            const char *name;    /* "+sdown" */
            const char *text;    /* the established payload */
            const char *primary; /* its name; NULL: concerns none */
        } publish;
        struct {
            uint64_t sequence;
            bool urgent; /* somebody waits: do not batch any longer */
            bool whole; /* an operator wants the whole file written, whatever changed */
        } save;
        struct {
            uint64_t token;
            enum answer_kind kind;
            const char *text;
            int64_t count;
            bool down;
            const char *leader; /* "*": none */
            uint64_t leader_epoch;
            uint32_t least; /* a vote in a guarded set: so many replicas confirm each write; 0: there is no fourth element */
            uint64_t after; /* it must not leave before the save of this sequence is done, and never when that fails; 0: it
                             * may leave at once. Only for who said that it can hold answers back */
        } answer;
        struct {
            enum script_kind kind;
            const char *const *args; /* args[0] is the path; NULL ends it */
            uint64_t token;          /* SCRIPT_PRE_FAILOVER; else 0 */
            int64_t timeout_ms;      /* the same: it is killed then */
        } script;
        struct {
            const char *name;
        } resolve;
        struct {
            int status;
            const char *why;
        } exit;
        struct {
            int64_t at_ms; /* monotonic; INT64_MAX: no need */
        } wake;
    };
};

struct actions {
    struct action *items;
    size_t count, capacity;
    void *blocks; /* the memory that the items point to */
};

void actions_init(struct actions *actions);
void actions_fini(struct actions *actions);
void actions_clear(struct actions *actions); /* keeps some memory for the next step */

/* For the machine: adds one; the caller fills in the union. Lends it until the next call. */
struct action *actions_add(struct actions *actions, enum action_kind kind);
/* Memory that lives as long as the list's items. */
void *actions_alloc(struct actions *actions, size_t size);
char *actions_text(struct actions *actions, struct slice text); /* a copy with its zero */
char *actions_printf(struct actions *actions, const char *format, ...) PRINTF_LIKE(2, 3);

const char *action_kind_name(enum action_kind kind);
const char *request_kind_name(enum request_kind kind); /* "ping" */

/* "send ping to #3: PING": one line without its end, for traces and tests. */
void action_describe(const struct action *action, struct bytes *out);
