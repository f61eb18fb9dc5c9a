#include "core/observe/observe.h"

#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/observe/info.h"
#include "core/observe/info_core.h"
#include "core/observe/latency.h"
#include "core/observe/memory_report.h"
#include "core/observe/monitor.h"
#include "core/observe/slowlog.h"
#include "core/server.h"

#define COMMAND COMMAND_PROTOTYPE
#include "core/observe/observe.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
static const struct command rows[] = {
#include "core/observe/observe.def"
};
#undef COMMAND

static void on_after_call(void *context, struct client *client, const struct command_entry *entry, int64_t dirty,
                          int64_t usec) {
    struct server *server = client->server;
    (void)context;
    (void)dirty;
    latency_count_command(server, client->entry, usec);
    latency_add_sample(server, (entry->flags & COMMAND_FAST) != 0 ? "fast-command" : "command", usec / 1000);
    slowlog_note(client, entry, usec);
    monitor_note(client, entry);
}

static void on_client_gone(void *context, struct client *client) {
    (void)context;
    monitor_remove(client);
}

static void on_cron(void *context, int64_t now_ms) {
    (void)now_ms;
    memory_report_sample(context);
}

static void on_reset_stats(void *context) {
    struct server *server = context;
    latency_forget_commands(server->commands);
}

struct observe {
    struct server_hooks hooks;
    struct info_core   *fields;
};

void observe_install(struct server *server) {
    struct observe *observe = mem_zalloc(sizeof *observe);
    server->observe = observe;
    server->info = info_new();
    server->slowlog = slowlog_new();
    server->latency = latency_new();
    server->memory = memory_report_new();
    observe->fields = info_core_add(server);
    observe->hooks = (struct server_hooks){
        .context = server,
        .after_call = on_after_call,
        .client_freed = on_client_gone,
        .client_reset = on_client_gone,
        .cron = on_cron,
        .reset_stats = on_reset_stats,
    };
    server_add_commands(server, rows, COUNT_OF(rows));
    server_add_hooks(server, &observe->hooks);
}

void observe_uninstall(struct server *server) {
    latency_forget_commands(server->commands);
    info_core_remove(&server->observe->fields);
    info_free(&server->info);
    slowlog_free(&server->slowlog);
    latency_free(&server->latency);
    memory_report_free(&server->memory);
    mem_free(server->observe);
    server->observe = NULL;
}

void info_command(struct client *client) {
    struct bytes text = {0};
    info_print(client->server->info, client->argv + 1, (size_t)client->argc - 1, &text);
    reply_verbatim(client, bytes_slice(&text), "txt");
    bytes_fini(&text);
}
