/* All that may come into the sentinel machine: one tagged struct.
 *
 * Everything an event points to is borrowed for the one call of machine_step(). Texts that came from a peer may hold
 * anything: the machine checks them itself, the driver only frames them.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

/* An instance is one watched process (a primary, a replica, another sentinel). The machine numbers them; a number is
 * never used again (uint32_t, never 0). */

/* Each instance has up to two lines: commands with their replies, and the subscription to __sentinel__:hello.
 * Other sentinels have the first only. */
enum line_kind { LINE_COMMAND, LINE_PUBSUB, LINE_KINDS };

/* Why a line could not be opened or went away. */
enum line_reason {
    LINE_REASON_NONE,
    LINE_REFUSED,    /* connection refused: nobody listens */
    LINE_RESET,      /* reset or closed by the other side */
    LINE_TIMEOUT,    /* no answer in time; also no route, host down */
    LINE_UNRESOLVED, /* the name has no address */
    LINE_AUTH,       /* AUTH failed, or the handshake was refused by NOAUTH, NOPERM, WRONGPASS */
    LINE_TLS,        /* the TLS handshake failed */
    LINE_CLOSED,     /* by ourselves, because ACTION_DISCONNECT asked for it: need not be reported */
    LINE_GARBAGE, /* what came is not the protocol, or has no end */
    LINE_OTHER,
};

/* A reply as it was parsed: neutral, so that the machine knows no protocol. */
enum reply_view_kind {
    REPLY_VIEW_STATUS,  /* text */
    REPLY_VIEW_ERROR,   /* text, with its code: "BUSY Redis is busy ..." */
    REPLY_VIEW_INTEGER, /* integer */
    REPLY_VIEW_BULK,    /* text */
    REPLY_VIEW_NULL,
    REPLY_VIEW_ARRAY, /* children; also sets and maps, flattened */
    REPLY_VIEW_OTHER,
};

struct reply_view {
    enum reply_view_kind kind;
    int64_t integer;
    struct slice text;
    const struct reply_view *children;
    size_t count;
};

/* One `option value` of SENTINEL SET, SENTINEL CONFIG SET or SENTINEL DEBUG. */
struct option_change {
    struct slice name;
    struct slice value;
    struct slice second; /* rename-command only: the new name; `value` is the old one */
};

enum event_kind {
    EVENT_START, /* the first event: monitoring begins */
    EVENT_TIMER, /* the time of the last ACTION_WAKE has come. Early, late and extra timers do no harm */

    EVENT_LINE_UP,   /* `line`: connected. Whether the handshake (AUTH, CLIENT SETNAME, SUBSCRIBE) was answered already
                      * is the driver's choice, but requests that follow must be executed after it */
    EVENT_LINE_DOWN, /* `line`: it was up and is lost, or ACTION_CONNECT failed. All requests on it are forgotten */
    EVENT_REPLY,     /* `reply`: one command of one ACTION_SEND was answered */
    EVENT_HELLO,     /* `hello`: a payload was heard on __sentinel__:hello */
    EVENT_VOTE_REQUEST, /* `vote`: SENTINEL IS-MASTER-DOWN-BY-ADDR. Answered by ANSWER_VOTE, perhaps only after a save
                         */
    EVENT_RESOLVED,     /* `resolved`: the answer to ACTION_RESOLVE */
    EVENT_SAVED,        /* `saved`: the answer to ACTION_SAVE */
    EVENT_STALL, /* `stall`: the process or its clock stood still. The machine notices late timers itself; this is
                  * for what else the driver knows (resumed by SIGCONT, suspend) */

    /* What operators ask for. Each is answered by one ACTION_ANSWER with its token (ANSWER_OK or ANSWER_ERROR unless
     * said otherwise), in the same step unless said otherwise. */
    EVENT_MONITOR,          /* `monitor` */
    EVENT_REMOVE,           /* `name` */
    EVENT_SET,              /* `set`: all options or none */
    EVENT_RESET,            /* `name` is a glob; ANSWER_COUNT */
    EVENT_FORGET,           /* `forget` */
    EVENT_FAILOVER,         /* `failover` */
    EVENT_CONFIG_SET,       /* `set` without name: resolve-hostnames, announce-hostnames, announce-ip, announce-port,
                             * sentinel-user, sentinel-pass (loglevel is the driver's) */
    EVENT_DEBUG_SET,        /* `set` without name: the parameters of SENTINEL DEBUG (struct timing in world.h) */
    EVENT_SIMULATE_FAILURE, /* `simulate` */
    EVENT_FLUSH,            /* SENTINEL FLUSHCONFIG: saves now; answered when saved */
    EVENT_ABANDON,          /* `abandon`: another sentinel gave its candidacy or failover up; no answer */
    EVENT_SCRIPT_ENDED,     /* `script`: the answer to an ACTION_SCRIPT with a token, which is this event's */
    EVENT_KINDS
};

enum script_end {
    SCRIPT_END_EXIT,    /* status: its exit status */
    SCRIPT_END_SIGNAL,  /* status: the signal */
    SCRIPT_END_TIMEOUT, /* killed */
    SCRIPT_END_NOT_RUN,
};

/* The first two are the field's; these numbers are in INFO. */
enum {
    SIMULATE_CRASH_AFTER_ELECTION = 1,
    SIMULATE_CRASH_AFTER_PROMOTION = 2,
    SIMULATE_CRASH_AFTER_CANDIDACY = 4, /* it stands, and nobody has heard of it */
    SIMULATE_CRASH_AFTER_SELECTION = 8, /* nothing was ordered yet */
    SIMULATE_CRASH_AFTER_ORDER = 16,    /* the replica has it, and its proof did not come yet */
};

struct event {
    enum event_kind kind;
    int64_t wall_ms; /* for records that people read; decides nothing. 0: unknown */
    uint64_t token;  /* names the one who waits for an ACTION_ANSWER; the machine only carries it */
    union {
        struct {
            uint32_t instance;
            enum line_kind line;
            enum line_reason reason; /* EVENT_LINE_DOWN */
            struct slice detail;     /* EVENT_LINE_DOWN: the error's words, may be empty */
            struct slice local_ip;   /* EVENT_LINE_UP: our own address on this connection: what hellos announce unless
                                      * announce-ip is set */
        } line;
        struct {
            uint32_t instance;
            uint64_t request; /* of the ACTION_SEND */
            uint32_t index;   /* which of its commands, counted from 0. In order, one event each */
            struct reply_view reply;
        } reply;
        struct {
            uint32_t instance; /* through whose subscription; 0: a peer PUBLISHed it to us */
            struct slice payload;
        } hello;
        struct {
            struct slice ip; /* the arguments as they came, the numbers already checked to be numbers */
            int64_t port;
            int64_t epoch;
            struct slice run_id;      /* "*" or the candidate's id */
            struct slice client_name; /* CLIENT SETNAME of the asking connection ("sentinel-1a2b3c4d-cmd") or empty */
            bool can_hold; /* the driver can hold the answer back by itself (answer.after): what else this asker has to
                            * ask need not wait, so that the votes for many primaries share a save */
        } vote;
        struct {
            struct slice name;
            struct slice ip; /* empty: it has no address (now) */
        } resolved;
        struct {
            uint64_t sequence; /* of the ACTION_SAVE */
            bool ok;
            struct slice error; /* why not, for operators */
        } saved;
        struct {
            int64_t stood_ms;
        } stall;
        struct {
            struct slice name, host;
            int64_t port, quorum;
        } monitor;
        struct slice name;
        struct {
            struct slice name; /* the primary's; EVENT_SET only */
            const struct option_change *options;
            size_t count;
        } set;
        struct {
            struct slice name;
            bool coordinated;
            bool unguarded; /* the promise of confirmed writes is given up (guard.h) */
            struct slice to_host; /* empty: any replica */
            int64_t to_port;
        } failover;
        struct {
            struct slice name;
            struct slice host; /* a replica's, with its port; or the id of a sentinel, and port 0 */
            int64_t port;
            bool here; /* do not tell the other sentinels: one of them told us */
        } forget;
        struct {
            struct slice name; /* the primary's */
            int64_t epoch;
            struct slice id; /* the candidate's */
        } abandon;
        struct {
            enum script_end end;
            int status;
        } script;
        unsigned simulate; /* SIMULATE_... bits */
    };
};

/* "reply", for traces. */
const char *event_kind_name(enum event_kind kind);
/* "refused" ... for INFO and explanations. */
const char *line_reason_name(enum line_reason reason);
