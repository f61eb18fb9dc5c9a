/* What the files of the sentinel host share.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/list.h"
#include "sim/sentinel_host.h"

enum { HOST_NAME_SIZE = 64, HOST_FIRST_PORT = 26379 };

/* A command that waits for its reply. Owned by its line. */
struct awaited {
    struct awaited *next;
    uint64_t request; /* 0: the host's own */
    uint32_t index;
    enum request_kind kind;
    int64_t sent_us;
    int64_t epoch; /* REQUEST_ASK with a candidate: which; else -1 */
};

/* One line to one watched instance. Owned by the host. */
struct host_line {
    struct sentinel_host *host;
    uint32_t instance;
    enum line_kind kind;
    struct link_end *end; /* NULL: closed */
    bool up;
    char address[NETWORK_ADDRESS_SIZE];
    uint16_t port;
    char client_name[HOST_NAME_SIZE];
    struct awaited *first, **last;
};

/* A connection that another sentinel (or a tool) opened to us. Owned by the host. */
struct caller {
    struct sentinel_host *host;
    struct list_node node;
    struct link_end *end;
    char name[HOST_NAME_SIZE];
    struct list slots; /* of struct slot: replies in the order of the commands */
};

struct slot {
    struct list_node node;
    struct caller *caller;
    uint64_t token; /* 0: answered */
    struct message *reply;
    char primary[HOST_NAME_SIZE], candidate[SENTINEL_ID_SIZE];
    int64_t epoch;
};

struct sentinel_host {
    struct network *network;
    struct schedule *schedule;
    struct random *random;
    struct trace *trace;
    struct sentinel_traits traits;
    unsigned number;
    struct virtual_clock clock;
    struct disk *disk;
    struct state_copy *copy; /* of this life */

    struct machine *machine; /* NULL: does not run */
    struct actions actions;
    bool stepping;
    bool dying;            /* crashed in the middle of a step; `crash` finishes it */
    unsigned crash_within; /* 0: no */
    bool written_ok;
    int64_t paused_since_us, paused_until_us;
    int64_t born_us;
    uint64_t steps, tokens, saving;
    struct happening wake, crash, resume, written;
    struct host_line **lines; /* by instance number * LINE_KINDS + kind; NULL: never used */
    size_t line_count;
    struct list callers;
    struct list lookups; /* of struct lookup */
    struct list scripts; /* of struct host_script */
    bool scripts_fail;
    unsigned lies;
};

/* sentinel_host.c */
void host_step(struct sentinel_host *host, struct event *event);
bool host_hears(const struct sentinel_host *host); /* runs, and did not just die */
void host_breach(struct sentinel_host *host, const char *what);

/* host_lines.c: the lines that the machine asks for */
void host_connect(struct sentinel_host *host, const struct action *action);
void host_disconnect(struct sentinel_host *host, uint32_t instance, enum line_kind kind);
void host_send(struct sentinel_host *host, const struct action *action);
void host_end_lines(struct sentinel_host *host); /* the process is gone, its connections with it */

/* host_scripts.c */
void host_run_script(struct sentinel_host *host, const struct action *action);
/* S9: what the script that was asked for this failover said allows the promotion that is ordered. */
void host_check_script(struct sentinel_host *host, const struct primary *primary);
void host_end_scripts(struct sentinel_host *host); /* they die with the process */

/* host_service.c: what other sentinels ask us */
extern const struct listener_ops host_listener_ops;
void host_answer(struct sentinel_host *host, const struct action *action);
void host_end_callers(struct sentinel_host *host);
