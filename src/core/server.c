#include "core/server.h"

#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/table.h"
#include "base/tick.h"
#include "core/acl/acl.h"
#include "core/client/blocked.h"
#include "core/client/client_evict.h"
#include "core/client/client_internal.h"
#include "core/command/propagate.h"
#include "core/core_commands.h"
#include "core/observe/observe.h"
#include "core/pubsub/channel.h"
#include "core/server_internal.h"


/* ================================ clock ================================ */

void server_refresh_clock(struct server *server) {
    server->now_us = MAX(tick_now_us(&server->internal->tick_clock), server->now_us);
    server->now_ms = server->now_us / 1000;
}

void server_update_time(struct server *server) {
    server_refresh_clock(server);
    server->wall_ms = clock_wall_ms();
    server->lru_clock = (uint32_t)(server->wall_ms / 1000) & 0xffffff;
}

/* ================================ the turn of the loop ================================ */

/* Clients whose wait is over execute what they sent meanwhile. Each may be blocked again by its next command. */
static void resume_clients(struct server *server) {
    struct list *resumes = &server->internal->resumes;
    for (struct list_node *node; (node = list_first(resumes));) {
        list_remove(node);
        struct client *client = container_of(node, struct client_io, resume_node)->self;
        client->flags &= ~CLIENT_UNBLOCKED;
        if (client_execute_input(client)) client_return_input(client);
    }
}

static void write_clients(struct server *server) {
    struct list *writes = &server->internal->writes;
    for (struct list_node *node; (node = list_first(writes));) {
        list_remove(node);
        struct client *client = container_of(node, struct client_io, write_node)->self;
        if (client->flags & CLIENT_CLOSE_ASAP) continue;
        /* A socket that was full tells when it can be written to; only the limits are to be looked at. */
        if (client->io->wants_writable || client_write(client)) client_check_output_limits(client);
    }
}

static void close_clients(struct server *server) {
    for (struct list_node *node; (node = list_first(&server->internal->closes));) {
        struct client *client = container_of(node, struct client_io, close_node)->self;
        client_free(&client);
    }
}

static void on_before_sleep(struct loop_hook *hook) {
    struct server_internal *internal = container_of(hook, struct server_internal, before_sleep);
    struct server          *server = internal->server;
    resume_clients(server);
    SERVER_CALL_HOOKS(server, before_sleep);
    if (!list_is_empty(&internal->resumes)) server_dont_sleep(server); /* a hook ended somebody's wait */
    client_evict(server);
    write_clients(server);
    close_clients(server);
}

static void on_after_sleep(struct loop_hook *hook) {
    struct server_internal *internal = container_of(hook, struct server_internal, after_sleep);
    struct server          *server = internal->server;
    server->now_us = MAX(loop_now_us(server->loop), server->now_us);
    server->now_ms = server->now_us / 1000;
    server->wall_ms = internal->wall_base_ms + server->now_ms;
    server->stats.loop_cycles++;
    int64_t busy_us = loop_stats(server->loop)->busy_total_us;
    server->stats.loop_duration_us += (uint64_t)(busy_us - internal->busy_seen_us);
    internal->busy_seen_us = busy_us;
    SERVER_CALL_HOOKS(server, after_sleep);
}

/* ================================ cron ================================ */

/* Every client is looked at once a second, a share of them in each run. */
static void clients_cron(struct server *server) {
    struct server_internal *internal = server->internal;
    size_t                  left = MAX(server->client_count / (size_t)server->hz, 5);
    if (!internal->cron_next) internal->cron_next = server->clients.head.next;
    for (left = MIN(left, server->client_count); left && server->client_count; left--) {
        if (internal->cron_next == &server->clients.head) internal->cron_next = server->clients.head.next;
        struct list_node *node = internal->cron_next;
        internal->cron_next = node->next;
        struct client *client = container_of(node, struct client, node);
        if (!(client->flags & CLIENT_CLOSE_ASAP)) (void)client_cron(client);
    }
}

enum { HZ_MIN = 1, HZ_MAX = 500, CLIENTS_PER_RUN = 200 };

static void choose_hz(struct server *server) {
    int hz = (int)MIN(MAX(server->settings->hz, HZ_MIN), HZ_MAX);
    if (server->settings->dynamic_hz)
        while (hz < HZ_MAX && server->client_count / (size_t)hz > CLIENTS_PER_RUN) hz = MIN(hz * 2, HZ_MAX);
    server->hz = hz;
}

static void on_cron(struct loop_timer *timer);

/* On the hour, so to speak: other work that comes at round times (a sentinel's pings) shares the wake-up. */
static void plan_cron(struct server_internal *internal) {
    struct server *server = internal->server;
    int64_t period_ms = 1000 / server->hz, now_ms = loop_now_ms(server->loop);
    loop_timer_start_at(server->loop, &internal->cron_timer, now_ms - now_ms % period_ms + period_ms, on_cron);
}

static void on_cron(struct loop_timer *timer) {
    struct server_internal *internal = container_of(timer, struct server_internal, cron_timer);
    struct server          *server = internal->server;
    if (server->is_cron_paused) {
        plan_cron(internal);
        return;
    }
    server_update_time(server);
    internal->wall_base_ms = server->wall_ms - server->now_ms; /* follows steps of the wall clock */
    server->stats.cron_runs++;
    if (server->now_ms - internal->sampled_ms >= SERVER_SAMPLE_MS) server_sample(server);
    clients_cron(server);
    SERVER_CALL_HOOKS(server, cron, server->now_ms);
    choose_hz(server);
    plan_cron(internal);
}

/* ================================ life ================================ */

struct server *server_new(void) {
    struct server          *server = mem_zalloc(sizeof(*server));
    struct server_internal *internal = mem_zalloc(sizeof(*internal));
    server->internal = internal;
    internal->server = server;
    list_init(&server->clients);
    list_init(&server->monitors);
    list_init(&internal->writes);
    list_init(&internal->closes);
    list_init(&internal->resumes);
    list_init(&internal->postponed);
    list_init(&internal->fakes);
    internal->clients_by_id = table_new();
    heap_init(&internal->blocked_deadlines);

    server->loop = loop_new();
    server->params = params_new();
    server->settings = mem_zalloc(sizeof(*server->settings));
    core_settings_add(server->settings, server->params);
    server->commands = command_table_new();
    server->users = users_new(server->commands);
    server->channels = channels_new();
    server->error_stats = table_new();
    server->version = KVD_REDIS_VERSION;
    server->mode_name = "standalone";
    server->supervisor = "no";
    server->next_client_id = 1;
    random_os_hex(server->run_id, 40);
    server_update_time(server);
    internal->wall_base_ms = server->wall_ms - server->now_ms;
    server->started_ms = server->now_ms;
    server->started_wall_ms = server->wall_ms;
    server->hz = 10;
    core_commands_add(server);
    acl_install(server);
    observe_install(server);
    server_bind_params(server);
    server_update_limits(server);
    return server;
}

static void free_clients(struct list *clients) {
    for (struct list_node *node; (node = list_first(clients));) {
        struct client *client = container_of(node, struct client, node);
        client_free(&client);
    }
}

static void free_internal(struct server *server) {
    struct server_internal *internal = server->internal;
    input_fini(&internal->spare_input);
    for (int i = 0; i < SERVER_BATCHES; i++) {
        if (!internal->batches[i]) continue;
        resp_batch_fini(internal->batches[i]);
        mem_free(internal->batches[i]);
    }
    propagate_fini(server);
    heap_fini(&internal->blocked_deadlines);
    loop_timer_stop(&internal->cron_timer);
    loop_timer_stop(&internal->blocked_timer);
    loop_timer_stop(&internal->pause_timer);
    loop_timer_stop(&internal->shutdown_timer);
    loop_hook_remove(&internal->before_sleep);
    loop_hook_remove(&internal->after_sleep);
    mem_free(internal);
}

void server_free(struct server **server) {
    struct server *gone = *server;
    if (!gone) return;
    *server = NULL;
    free_clients(&gone->clients);
    free_clients(&gone->internal->fakes);
    table_free(&gone->internal->clients_by_id, NULL);
    server_listen_fini(gone);
    channels_free(&gone->channels);
    table_free(&gone->error_stats, mem_free);
    acl_uninstall(gone);
    observe_uninstall(gone);
    users_free(&gone->users);
    command_table_free(&gone->commands);
    params_free(&gone->params);
    SERVER_CALL_HOOKS(gone, server_freed);
    free_internal(gone);
    mem_free(gone->settings);
    loop_free(&gone->loop);
    for (char **word = gone->argv; word && *word; word++) mem_free(*word);
    mem_free(gone->argv);
    mem_free(gone->executable);
    mem_free(gone->config_file);
    mem_free(gone);
}

/* Descriptors that are not clients: listeners, files, the loop's own. */
enum { RESERVED_DESCRIPTORS = 32 };

bool server_adjust_open_files(struct server *server, bool is_strict, struct error *err) {
    uint64_t wanted = server->settings->maxclients + RESERVED_DESCRIPTORS;
    uint64_t limit = daemon_raise_open_files(wanted);
    if (limit >= wanted) return true;
    if (is_strict)
        return error_set(err, "The operating system is not able to handle the specified number of clients, try with %llu",
                         (unsigned long long)(limit - RESERVED_DESCRIPTORS));
    if (limit <= RESERVED_DESCRIPTORS)
        return error_set(err,
                         "the limit of open files is %llu, which leaves none for clients; raise it (ulimit -n %llu)",
                         (unsigned long long)limit, (unsigned long long)wanted);
    LOG_WRITE(LOG_WARNING,
              "maxclients was lowered from %llu to %llu: the limit of open files is %llu; raise it to %llu (ulimit -n)",
              (unsigned long long)server->settings->maxclients,
              (unsigned long long)(limit - RESERVED_DESCRIPTORS), (unsigned long long)limit,
              (unsigned long long)wanted);
    server->settings->maxclients = limit - RESERVED_DESCRIPTORS;
    return true;
}

bool server_start(struct server *server, struct error *err) {
    struct server_internal *internal = server->internal;
    server_update_limits(server);
    if (!acl_start(server, err)) return false;
    if (!server_adjust_open_files(server, false, err) || !server_listen(server, err)) return false;
    loop_before_sleep_add(server->loop, &internal->before_sleep, on_before_sleep);
    loop_after_sleep_add(server->loop, &internal->after_sleep, on_after_sleep);
    choose_hz(server);
    loop_timer_start(server->loop, &internal->cron_timer, 1, on_cron);
    return true;
}

int server_run(struct server *server) {
    loop_run(server->loop);
    write_clients(server); /* what was answered last: the OK of a QUIT, an error to a monitor */
    return server->internal->exit_status;
}

void server_dont_sleep(struct server *server) {
    loop_stay_awake(server->loop);
}

/* ================================ what a mode hands over ================================ */

void server_add_commands(struct server *server, const struct command *rows, size_t count) {
    command_table_add(server->commands, rows, count);
}

void server_keep_commands(struct server *server, bool (*wanted)(const struct command *row)) {
    command_table_keep(server->commands, wanted);
}

void server_add_hooks(struct server *server, const struct server_hooks *added) {
    CHECK(server->internal->hooks_count < SERVER_HOOKS_MAX);
    struct server_hooks *hooks = &server->internal->hooks[server->internal->hooks_count++];
    *hooks = *added;
#define ADD(kind)                                                                                                      \
    if (hooks->kind) {                                                                                                 \
        server->internal->on_##kind.hooks[server->internal->on_##kind.count++] = hooks;                                \
    }
    SERVER_HOOK_KINDS(ADD)
#undef ADD
}

size_t server_blocked_count(const struct server *server) {
    return blocked_count(server);
}
