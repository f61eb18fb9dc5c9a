/* What the files of the server share and nobody else sees: hooks by kind, listeners, pauses, shutdown, samples.
 *
 * Included by the files of server, client and dispatch only.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/heap.h"
#include "base/tick.h"
#include "core/client/client.h"
#include "core/config/core_settings.h"
#include "core/server.h"
#include "net/loop.h"
#include "net/resp_parse.h"

struct listener;
struct propagation_frame;
struct tls;
struct table;

enum {
    SERVER_HOOKS_MAX = 16,
    SERVER_SAMPLES = 16,
    SERVER_BATCHES = 4, /* nested execution of input: a long command that serves the loop */
    SERVER_SAMPLE_MS = 100
};

struct hook_list {
    const struct server_hooks *hooks[SERVER_HOOKS_MAX];
    unsigned                   count;
};

/* Calls hook `kind` of everybody who has one. */
#define SERVER_CALL_HOOKS(server, kind, ...)                                                                           \
    do {                                                                                                               \
        const struct hook_list *hook_list_ = &(server)->internal->on_##kind;                                           \
        for (unsigned hook_i_ = 0; hook_i_ < hook_list_->count; hook_i_++)                                             \
            hook_list_->hooks[hook_i_]->kind(hook_list_->hooks[hook_i_]->context, ##__VA_ARGS__);                      \
    } while (0)

#define SERVER_HOOK_KINDS(X)                                                                                           \
    X(client_created) X(client_freed) X(client_reset) X(client_memory) X(client_counts) X(refuse) X(take) X(rejected)    \
    X(before_call) X(after_call) X(written) X(settled) X(parsed) X(denied)        \
    X(primary_said) X(primary_obeyed) X(cron) X(before_sleep) X(after_sleep)        \
    X(shutdown_ask) X(shutdown_finish) X(shutdown_aborted) X(reset_stats) X(server_freed)

/* Longer pauses and waits than this (ten years) are this long: arithmetic in microseconds must not overflow. */
#define SERVER_PAUSE_MAX_MS (10ll * 365 * 24 * 3600 * 1000)

struct pause {
    enum server_pause what;
    int64_t           end_ms;
};

struct metric_samples {
    uint64_t last, samples[SERVER_SAMPLES];
    unsigned next;
};

/* Writes that wait for the end of the outermost command: argv as places in `text`. */
struct pending_write {
    struct client              *client;
    const struct command_entry *entry;
    int                         db, argc;
    bool                        is_for_replicas;
    size_t                      first_arg; /* in args */
};
struct propagation {
    struct pending_write *writes;
    size_t                count, capacity;
    struct slice         *args; /* data holds the place in text until they are handed over */
    size_t                arg_count, arg_capacity;
    struct bytes          text;
    struct server_write  *handed; /* capacity as writes */
    struct propagation_frame *frame; /* of the innermost running command */
};

struct server_internal {
    struct server_hooks hooks[SERVER_HOOKS_MAX]; /* copies, in the order of adding */
    unsigned            hooks_count;
#define DECLARE(kind) struct hook_list on_##kind;
    SERVER_HOOK_KINDS(DECLARE)
#undef DECLARE
    struct list writes, closes, resumes, postponed; /* of client_io nodes */
    struct table *clients_by_id;                    /* those with a connection; the key is the id's 8 bytes */
    struct list fakes;                              /* clients without a connection */
    struct input spare_input;                       /* of the last client whose input was used up */
    struct resp_batch *batches[SERVER_BATCHES];
    unsigned           batch_depth;
    struct propagation propagation;
    struct tick_clock  tick_clock;
    bool               is_clock_fresh; /* now_us was read at the end of the last command */

    struct loop_hook   before_sleep, after_sleep;
    struct loop_timer  cron_timer, sample_timer, blocked_timer, pause_timer, shutdown_timer;
    struct heap        blocked_deadlines;
    size_t             blocked_counts[8];

    struct listener *listeners[3]; /* by enum in server_listen.c */
    struct bytes     listening[3]; /* the addresses each was opened with, one after the other with a zero; see there */
    struct tls      *tls;
    bool             has_listened;

    struct output_limit output_limits[CLIENT_LIMITED_CLASSES];

    struct pause          pauses[SERVER_PAUSE_PURPOSES];
    enum server_pause     paused; /* the strictest */
    struct metric_samples metrics[SERVER_METRIC_COUNT];
    int64_t               sampled_ms;
    int64_t               busy_seen_us; /* the loop's busy time that the statistics hold */
    int64_t               wall_base_ms; /* wall clock minus monotonic clock */

    enum server_shutdown_state shutdown_state;
    unsigned                   shutdown_flags;
    unsigned                   signals_seen;
    int                        exit_status;
    struct server             *server;
    struct list_node          *cron_next; /* where the clients' cron goes on */
};

/* server.c */
void server_refresh_clock(struct server *server); /* now_us and now_ms from the clock; cheap */
void server_update_limits(struct server *server);  /* output_limits from the settings */
/* As many descriptors as maxclients needs. `is_strict`: fewer is an error, else maxclients is lowered to what there is. */
MUST_USE bool server_adjust_open_files(struct server *server, bool is_strict, struct error *err);
/* server_pause.c */
bool server_must_postpone(const struct server *server, const struct client *client, const struct command_entry *entry);
void server_pause_update(struct server *server);
void server_resume_postponed(struct server *server);
/* server_stats.c */
void server_sample(struct server *server);
/* server_listen.c */
void server_bind_params(struct server *server); /* what CONFIG SET of core's own parameters does */
void server_listen_fini(struct server *server);
/* client/blocked.c */
void blocked_timers_update(struct server *server);
