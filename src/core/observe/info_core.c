#include "core/observe/info_core.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/table.h"
#include "core/client/blocked.h"
#include "core/client/client.h"
#include "core/config/core_settings.h"
#include "core/observe/info.h"
#include "core/observe/latency.h"
#include "core/observe/memory_report.h"
#include "core/pubsub/channel.h"
#include "core/server.h"
#include "net/loop.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifdef __clang__
#define COMPILER_VERSION "clang " __clang_version__
#else
#define COMPILER_VERSION __VERSION__
#endif

/* What is read together before a section is printed. */
struct info_core {
    struct server        *server;
    char                 *os;
    size_t                replicas, subscribers, blocked_with_deadline;
    struct memory_figures memory;
    struct rusage         self, children, thread;
};

static int64_t usage_us(const struct timeval *time) {
    return (int64_t)time->tv_sec * 1000000 + time->tv_usec;
}

static void count_clients(void *context) {
    struct info_core *core = context;
    core->replicas = core->subscribers = 0;
    LIST_EACH(&core->server->clients, node) {
        struct client *client = container_of(node, struct client, node);
        core->replicas += client_class(client) == CLIENT_REPLICA;
        core->subscribers += client_has_subscriptions(client);
    }
    core->blocked_with_deadline = blocked_deadline_count(core->server);
}

static void read_memory(void *context) {
    struct info_core *core = context;
    /* Who asks is counted as it is now; the others were once a second. */
    if (core->server->current_client) (void)client_memory(core->server->current_client);
    memory_report_read(core->server, &core->memory);
}

static void read_usage(void *context) {
    struct info_core *core = context;
    CHECK(getrusage(RUSAGE_SELF, &core->self) == 0);
    CHECK(getrusage(RUSAGE_CHILDREN, &core->children) == 0);
    CHECK(getrusage(RUSAGE_THREAD, &core->thread) == 0);
}

/* Each field sees the three under short names. */
#define UNUSED __attribute__((unused))
#define INFO_CONTEXT                                                                                                   \
    UNUSED const struct info_core      *core = context;                                                                \
    UNUSED const struct memory_figures *m = &core->memory;                                                             \
    UNUSED const struct server         *s = core->server;                                                              \
    UNUSED const void                  *whole
#define INFO_FIELD INFO_FIELD_PRINTER
#include "core/observe/info.def"
#undef INFO_FIELD
#define INFO_FIELD INFO_FIELD_ROW
static const struct info_field fields[] = {
#include "core/observe/info.def"
};
#undef INFO_FIELD

/* ---- lines ---- */

static void print_listeners(void *context, struct bytes *out) {
    const struct info_core *core = context;
    for (size_t i = 0; i < server_listener_count(core->server); i++) {
        bytes_add_printf(out, "listener%zu:", i);
        server_describe_listener(core->server, i, out);
        bytes_add_text(out, "\r\n");
    }
}

static void print_commands(void *context, struct bytes *out) {
    const struct info_core *core = context;
    for (struct command_entry *entry = NULL; (entry = command_next(core->server->commands, entry)) != NULL;) {
        if (entry->calls == 0 && entry->rejected == 0 && entry->failed == 0) continue;
        double per_call = entry->calls > 0 ? (double)entry->usec / (double)entry->calls : 0;
        bytes_add_printf(out,
                         "cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,failed_calls=%llu\r\n",
                         entry->name, (unsigned long long)entry->calls, (unsigned long long)entry->usec, per_call,
                         (unsigned long long)entry->rejected, (unsigned long long)entry->failed);
    }
}

static void print_errors(void *context, struct bytes *out) {
    const struct info_core *core = context;
    size_t                  count = table_count(core->server->error_stats);
    struct table_walk      *sorted = table_sorted(core->server->error_stats);
    for (size_t i = 0; i < count; i++) {
        const struct server_error_stat *stat = sorted[i].value;
        bytes_add_printf(out, "errorstat_%.*s:count=%llu\r\n", (int)sorted[i].key.size, sorted[i].key.data,
                         (unsigned long long)stat->count);
    }
    mem_free(sorted);
}

enum { PERCENTILES_MAX = 16 };

static void print_latencies(void *context, struct bytes *out) {
    const struct info_core    *core = context;
    const struct param_values *wanted = &core->server->settings->latency_tracking_info_percentiles;
    double                     percentiles[PERCENTILES_MAX];
    size_t                     count = 0;
    for (size_t i = 0; i < wanted->count && count < PERCENTILES_MAX; i++)
        count += number_parse_double(slice_text(wanted->items[i].text), &percentiles[count]);
    if (count == 0) return;
    for (struct command_entry *entry = NULL; (entry = command_next(core->server->commands, entry)) != NULL;) {
        if (entry->latency == NULL) continue;
        bytes_add_printf(out, "latency_percentiles_usec_%s:", entry->name);
        latency_print_percentiles(entry, percentiles, count, out);
        bytes_add_text(out, "\r\n");
    }
}

static void print_nothing(void *context, struct bytes *out) {
    (void)context;
    (void)out;
}

/* ---- life ---- */

struct info_core *info_core_add(struct server *server) {
    struct info_core *core = mem_zalloc(sizeof *core);
    struct info      *info = server->info;
    struct utsname    name;
    CHECK(uname(&name) == 0);
    core->server = server;
    core->os = mem_printf("%s %s %s", name.sysname, name.release, name.machine);
    info_before(info, "clients", count_clients, core);
    info_before(info, "memory", read_memory, core);
    info_before(info, "cpu", read_usage, core);
    info_add_fields(info, fields, COUNT_OF(fields), core);
    info_add_lines(info, "server", print_listeners, core);
    info_add_lines(info, "modules", print_nothing, core);
    info_add_lines(info, "commandstats", print_commands, core);
    info_add_lines(info, "errorstats", print_errors, core);
    info_add_lines(info, "latencystats", print_latencies, core);
    return core;
}

void info_core_remove(struct info_core **core) {
    if (*core == NULL) return;
    mem_free((*core)->os);
    mem_free(*core);
    *core = NULL;
}
