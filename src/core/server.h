/* One running kvd: its loop, listeners, clients, and the tables and hooks that a mode registered.
 *
 * `store_install(server)` or `sentinel_install(server)` add commands, parameters, INFO sections and hooks; nothing here
 * asks which of them it was. Order of life: server_new, install a mode, configuration, server_start, server_run,
 * server_free. There may be several servers in one process (tests).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/list.h"
#include "core/command/command.h"

struct bytes;
struct channels;
struct client;
struct command_table;
struct core_settings; /* core/config: the parameters that core itself reads */
struct error;
struct loop;
struct params;
struct server_internal;
struct table;
struct tls_settings;

/* ---- hooks: what core tells a mode, and what it asks ---- */
enum server_verdict {
    SERVER_GO_ON, /* nothing to say */
    SERVER_TAKEN, /* the hook replied (an error, or QUEUED): the command is not executed */
};

enum server_shutdown_answer { SERVER_SHUTDOWN_OK, SERVER_SHUTDOWN_WAIT, SERVER_SHUTDOWN_REFUSE };

struct server_write {
    struct client              *client; /* whose command it was; NULL: nobody's (expiry, eviction) */
    const struct command_entry *entry;  /* NULL: added by dispatch_also_propagate() */
    bool                        is_for_replicas; /* ... only: it changes no data (PUBLISH) */
    int                         db;
    int                         argc;
    const struct slice         *argv;
    struct slice                bytes; /* the command in RESP as it came; empty: argv must be encoded */
};

struct server_request { /* parsed, not executed yet */
    struct command_entry *entry; /* NULL: unknown */
    const struct slice   *argv;
    int                   argc;
};

enum server_denial { SERVER_DENIED_COMMAND, SERVER_DENIED_KEY, SERVER_DENIED_CHANNEL, SERVER_DENIED_AUTH };

/* All functions may be NULL. `context` is the first argument of each. */
struct server_hooks {
    void *context;
    /* A client came to be (its mode_data is NULL) and is about to go. */
    void (*client_created)(void *context, struct client *client);
    void (*client_freed)(void *context, struct client *client);
    /* RESET: drop what belongs to the connection's state (MULTI, WATCH, db 0). */
    void (*client_reset)(void *context, struct client *client);
    /* Bytes of mode_data (queued commands, watched keys), for client memory. */
    size_t (*client_memory)(void *context, struct client *client);
    /* May add fields to a CLIENT LIST line: multi= and watch= are asked for here. */
    void (*client_counts)(void *context, struct client *client, int *multi, int *watch);

    /* After authentication and ACL: the mode's reasons to refuse (memory, MISCONF, READONLY, MASTERDOWN, LOADING, BUSY,
     * cluster redirection). Replies with reply_error_uncounted() when it takes it. */
    enum server_verdict (*refuse)(void *context, struct client *client, const struct command_entry *entry);
    /* After all checks, in place of execution: MULTI queues here. */
    enum server_verdict (*take)(void *context, struct client *client, const struct command_entry *entry);
    /* A request was refused by anybody's check (unknown, arity, ACL, refuse): MULTI marks the transaction. */
    void (*rejected)(void *context, struct client *client);
    /* Directly before and after a body. `dirty`: how much server->dirty grew. */
    void (*before_call)(void *context, struct client *client, const struct command_entry *entry);
    void (*after_call)(void *context, struct client *client, const struct command_entry *entry, int64_t dirty, int64_t usec);
    /* What one executed command (and what it added) propagates: `count` writes that belong together, in order. Only called
     * while server->is_followed. */
    void (*written)(void *context, const struct server_write *writes, size_t count);
    /* After a command and its propagation, when no other command is running and somebody set server->is_unsettled: serve
     * clients that wait for keys, ... */
    void (*settled)(void *context);
    /* Requests that were parsed ahead and will be executed next, in order: prefetch their keys' buckets. */
    void (*parsed)(void *context, struct client *client, const struct server_request *requests, size_t count);
    /* Bytes came from a primary that we follow (client_adopt()), and then: what is complete of them was executed, see
     * client->applied_bytes. */
    void (*primary_said)(void *context, struct client *client, struct slice bytes);
    void (*primary_obeyed)(void *context, struct client *client);
    /* ACL or AUTH denied something (for ACL LOG). `object`: the command, key, channel or user name. */
    void (*denied)(void *context, struct client *client, enum server_denial denial, struct slice object);

    /* `hz` times a second; before the loop sleeps (replies are written after it); after it woke. */
    void (*cron)(void *context, int64_t now_ms);
    void (*before_sleep)(void *context);
    void (*after_sleep)(void *context);

    /* Shutdown: whether it may happen now. SHUTDOWN_WAIT: call server_shutdown_continue() when it can (replicas caught
     * up). SHUTDOWN_REFUSE: fills `err` (an error while saving). Not asked when forced. */
    enum server_shutdown_answer (*shutdown_ask)(void *context, unsigned flags, struct error *err);
    /* It will happen: save, flush, say goodbye. False fills `err` and prevents it unless it is forced. */
    bool (*shutdown_finish)(void *context, unsigned flags, struct error *err);
    /* It was called off (SHUTDOWN ABORT). */
    void (*shutdown_aborted)(void *context);
    /* CONFIG RESETSTAT. */
    void (*reset_stats)(void *context);
    /* server_free(): clients, listeners and parameters are gone, the loop is still there. The mode frees itself, these
     * hooks included. */
    void (*server_freed)(void *context);
};

#define SERVER_SHUTDOWN_SAVE (1u << 0)   /* save even without save points */
#define SERVER_SHUTDOWN_NOSAVE (1u << 1) /* do not save even with them */
#define SERVER_SHUTDOWN_NOW (1u << 2)    /* do not wait for replicas */
#define SERVER_SHUTDOWN_FORCE (1u << 3)  /* errors do not prevent it */

/* ---- counters of INFO stats, cleared by CONFIG RESETSTAT ---- */
enum server_metric {
    SERVER_METRIC_COMMANDS,
    SERVER_METRIC_NET_IN,
    SERVER_METRIC_NET_OUT,
    SERVER_METRIC_REPLICATION_IN,
    SERVER_METRIC_REPLICATION_OUT,
    SERVER_METRIC_COUNT
};

struct server_stats {
    uint64_t connections_received, connections_rejected;
    uint64_t commands_processed;
    uint64_t net_input_bytes, net_output_bytes;
    uint64_t replication_input_bytes, replication_output_bytes; /* of a primary, to replicas: a mode that replicates notes them */
    uint64_t reads_processed, writes_processed;
    uint64_t unexpected_error_replies; /* sent to a primary or a replica */
    uint64_t error_replies;
    uint64_t acl_denied_auth, acl_denied_cmd, acl_denied_key, acl_denied_channel; /* observe and acl count them */
    uint64_t query_buffer_disconnections, output_buffer_disconnections;
    uint64_t evicted_clients;
    uint64_t cron_runs;
    uint64_t loop_cycles, loop_duration_us, loop_command_us; /* eventloop_* of INFO */
    uint64_t peak_clients;
    /* input and output buffers seen lately */
    size_t max_input_buffer, max_output_buffer;
};

/* Clients that are told when keys change (CLIENT TRACKING): a mode that has keys fills it in before INFO is printed. */
struct server_tracking {
    size_t clients, keys, items, prefixes;
};

/* The error codes sent so far ("ERR", "WRONGTYPE"): values of server->error_stats. */
struct server_error_stat {
    uint64_t count;
};

struct server {
    struct loop          *loop;
    struct params        *params;   /* every room's parameters; owned */
    struct core_settings *settings; /* core's own; owned, registered in params; read at each use, so CONFIG SET takes effect */
    struct command_table *commands;
    struct channels      *channels;
    char                  run_id[41];
    const char           *version;   /* of the established server that we are compatible with: INFO's redis_version */
    const char           *mode_name; /* set by the mode; INFO's redis_mode: "standalone", "sentinel" */
    const char           *role_name; /* set by the mode; HELLO's role: "master", "replica"; NULL: left out (sentinel) */
    const char           *supervisor;          /* who supervises the process in fact: "no", "systemd", "upstart" */
    char                 *executable;          /* absolute path; NULL: unknown */
    char                **argv;                /* what a restart is called with, file made absolute; NULL-terminated; owned.
                                                  NULL: it cannot be done again (standard input was the file) */
    char                 *config_file;         /* absolute path; NULL: none; owned */

    /* Time as of the loop's wake-up or the running command's start; monotonic unless it says wall. */
    int64_t now_ms, now_us, wall_ms;
    int64_t started_ms, started_wall_ms;

    struct list clients;         /* of struct client, connected ones in order of arrival */
    size_t      client_count;    /* connections, without fake ones */
    uint64_t    next_client_id;
    struct list monitors;        /* observe/monitor's */
    size_t      client_memory[4]; /* sums by enum client_class */

    struct client *current_client; /* whose request is being executed; NULL: none */
    unsigned       call_depth;     /* nested dispatch_call()s */
    uint64_t       dirty;          /* changes since the last save; bodies add 1 for each change of the dataset */
    bool           is_unsettled;   /* hooks->settled is to be called after the running command */

    unsigned        defrag_percent;  /* of a processor that active defragmentation takes; set by a mode before INFO is printed */
    const uint64_t *maxmemory_bytes; /* the limit of a mode that keeps data, 0 for none; NULL: it has no such limit */

    struct server_stats stats;
    struct server_tracking tracking;
    struct table       *error_stats; /* code to struct server_error_stat */
    int                 hz;          /* in effect (dynamic-hz) */
    uint32_t            lru_clock;   /* seconds, 24 bits, for OBJECT IDLETIME */
    bool                stops_on_primary_errors; /* a command of the primary's that fails ends the process */
    bool                may_hold_replies; /* set by who uses client_hold_replies(): replies' places are noted */
    uint64_t            replica_limit_floor; /* a replica's hard limit is never less: what is kept for all costs nothing */
    bool                is_cron_paused; /* DEBUG PAUSE-CRON: nothing is done in the background */
    bool                is_loading;  /* the store loads its data: writes are not propagated */
    bool                is_followed; /* somebody takes what hooks->written hands over; set by a mode */

    /* Registered by acl, observe: services that core's own files call without knowing more. */
    struct users    *users;    /* acl/user */
    struct acl_log  *acl_log;
    struct slowlog  *slowlog;
    struct latency  *latency;
    struct info     *info;
    struct memory_report *memory;
    struct observe  *observe; /* what keeps these together */

    void *mode; /* the installed mode's own; core does not touch it */

    struct server_internal *internal; /* hooks, listeners, timers: server.c's */
};

/* ---- life ---- */
struct server *server_new(void); /* gives: server_free(); with core's commands, no listeners, settings at their defaults */
void           server_free(struct server **server);

/* Binds listeners, raises the open-file limit, starts the timers. False: nothing listens (the reason is in `err`). */
MUST_USE bool server_start(struct server *server, struct error *err);
/* Runs until a shutdown; returns the exit status. */
int server_run(struct server *server);

/* ---- what a mode hands over (rows are kept) ---- */
void server_add_commands(struct server *server, const struct command *rows, size_t count);
void server_keep_commands(struct server *server, bool (*wanted)(const struct command *row));
void server_add_hooks(struct server *server, const struct server_hooks *added); /* copies; called in order of adding */

/* ---- listeners ---- */
/* Opens what `bind`, `port`, `tls-port`, `unixsocket` say now; on failure the old ones stay (CONFIG SET). */
MUST_USE bool server_listen(struct server *server, struct error *err);
void          server_stop_listening(struct server *server);

/* What the tls-* parameters say, for contexts of links that dial. The texts are the parameters': lent until one changes. */
void server_tls_settings(const struct server *server, struct tls_settings *to);

/* ---- shutdown ---- */
/* The orderly way, from SHUTDOWN, SIGTERM and SIGINT. DONE: the loop ends after the current callback. WAITING: it goes on
 * when the hooks are ready or `shutdown-timeout` is over. REFUSED: `err` says why. */
enum server_shutdown_state { SERVER_RUNNING, SERVER_SHUTDOWN_WAITING, SERVER_SHUTDOWN_DONE, SERVER_SHUTDOWN_REFUSED };
enum server_shutdown_state server_shutdown(struct server *server, unsigned flags, struct error *err);
void                       server_shutdown_continue(struct server *server); /* a hook that said WAIT can now */
bool                       server_shutdown_abort(struct server *server);    /* false: none was waiting */
enum server_shutdown_state server_shutdown_state(const struct server *server);
/* For signal handlers' loop callbacks: the first asks for an orderly shutdown, the second exits at once. */
void server_on_signal(struct server *server, int signal_number);

/* Starts the program anew in this process, with the arguments of before. Gently: the configuration is rewritten and the
 * shutdown's hooks are called first; otherwise as if it had crashed. Returns only where that fails. */
enum server_restart_way { SERVER_RESTART_GENTLY, SERVER_RESTART_AS_CRASH };
bool server_restart(struct server *server, enum server_restart_way way, int64_t delay_ms, struct error *err);

/* ---- time and rates ---- */
void     server_update_time(struct server *server); /* reads the clocks into now_ms, now_us, wall_ms */
uint64_t server_rate(const struct server *server, enum server_metric metric); /* per second, over the last 16 samples */
void     server_reset_stats(struct server *server); /* CONFIG RESETSTAT */
void     server_count_error(struct server *server, struct slice code);

/* ---- CLIENT PAUSE ---- */
enum server_pause { SERVER_PAUSE_NONE, SERVER_PAUSE_WRITE, SERVER_PAUSE_ALL };
enum server_pause_purpose { SERVER_PAUSE_BY_CLIENT, SERVER_PAUSE_BY_SHUTDOWN, SERVER_PAUSE_BY_FAILOVER, SERVER_PAUSE_PURPOSES };
/* Holds commands until `end_ms`; each purpose has its own pause and the strictest counts. */
void              server_pause(struct server *server, enum server_pause_purpose purpose, enum server_pause what, int64_t end_ms);
void              server_unpause(struct server *server, enum server_pause_purpose purpose);
enum server_pause server_paused(const struct server *server);
/* INFO: "none", "client_pause", "failover_in_progress"..., and how long it still lasts. */
const char *server_pause_reason(const struct server *server, int64_t *left_ms);

/* ---- for hooks and INFO ---- */
size_t server_blocked_count(const struct server *server);
/* Work that must not wait for the loop's timeout: the loop does not sleep before the next iteration. */
void server_dont_sleep(struct server *server);
/* "tcp" addresses and ports that listen, one text each ("name=tcp,bind=127.0.0.1,port=6379"): INFO's listenerN. */
size_t server_listener_count(const struct server *server);
void   server_describe_listener(const struct server *server, size_t index, struct bytes *out);
int    server_port(const struct server *server); /* the TCP (or, without one, TLS) port in effect; 0: none */
