#include "core/observe/memory_report.h"

#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"

#include <unistd.h>
#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#define COMMAND COMMAND_PROTOTYPE
#include "core/observe/observe.def"
#undef COMMAND

enum { SOURCES_MAX = 4 };

struct memory_report {
    struct {
        const struct memory_source *source;
        void                       *context;
    } sources[SOURCES_MAX];
    unsigned source_count;
    size_t   startup, peak;
};

struct memory_report *memory_report_new(void) {
    return mem_zalloc(sizeof(struct memory_report));
}

void memory_report_free(struct memory_report **report) {
    mem_free(*report);
    *report = NULL;
}

void memory_report_add(struct server *server, const struct memory_source *source, void *context) {
    struct memory_report *report = server->memory;
    CHECK(report->source_count < SOURCES_MAX);
    report->sources[report->source_count].source = source;
    report->sources[report->source_count++].context = context;
}

void memory_report_sample(struct server *server) {
    struct memory_report *report = server->memory;
    size_t                used = mem_used();
    if (report->startup == 0) report->startup = used;
    report->peak = MAX(report->peak, used);
}

/* Adds up what the sources say by one of their functions. */
#define SUM(report, function, sum)                                                                                     \
    for (unsigned i = 0; i < (report)->source_count; i++)                                                              \
        if ((report)->sources[i].source->function != NULL)                                                             \
            (sum) += (report)->sources[i].source->function((report)->sources[i].context)

void memory_report_read(struct server *server, struct memory_figures *figures) {
    struct memory_report *report = server->memory;
    *figures = (struct memory_figures){0};
    memory_report_sample(server);
    mem_read_stats(&figures->allocator);
    figures->used = mem_used();
    figures->rss = mem_rss();
    figures->peak = report->peak = MAX(report->peak, figures->used);
    figures->startup = report->startup;
    figures->clients_normal = server->client_memory[CLIENT_NORMAL] + server->client_memory[CLIENT_PUBSUB];
    figures->clients_replicas = server->client_memory[CLIENT_REPLICA];
    SUM(report, overhead, figures->overhead);
    SUM(report, keys, figures->keys);
    SUM(report, backlog, figures->backlog);
    SUM(report, aof_buffer, figures->aof_buffer);
    figures->overhead += report->startup + figures->clients_normal + figures->clients_replicas + figures->backlog +
                         figures->aof_buffer;
    figures->dataset = figures->used > figures->overhead ? figures->used - figures->overhead : 0;
    figures->system_total = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
}

double memory_ratio(size_t part, size_t whole) {
    return whole > 0 ? (double)part / (double)whole : 0;
}

/* ---- MEMORY ---- */

static void reply_size(struct client *client, const char *name, size_t value) {
    reply_bulk_text(client, name);
    reply_uint(client, value);
}

static void reply_share(struct client *client, const char *name, double value) {
    reply_bulk_text(client, name);
    reply_double(client, value);
}

static void reply_waste(struct client *client, const char *ratio, const char *bytes, size_t whole, size_t part) {
    reply_share(client, ratio, memory_ratio(whole, part));
    reply_bulk_text(client, bytes);
    reply_int(client, (int64_t)whole - (int64_t)part);
}

void memory_stats_command(struct client *client) {
    struct memory_figures f;
    memory_report_read(client->server, &f);
    size_t net = f.used > f.startup ? f.used - f.startup : 0;
    reply_map(client, 27);
    reply_size(client, "peak.allocated", f.peak);
    reply_size(client, "total.allocated", f.used);
    reply_size(client, "startup.allocated", f.startup);
    reply_size(client, "replication.backlog", f.backlog);
    reply_size(client, "clients.slaves", f.clients_replicas);
    reply_size(client, "clients.normal", f.clients_normal);
    reply_size(client, "cluster.links", 0);
    reply_size(client, "aof.buffer", f.aof_buffer);
    reply_size(client, "lua.caches", 0);
    reply_size(client, "functions.caches", 0);
    reply_size(client, "overhead.total", f.overhead);
    reply_size(client, "keys.count", f.keys);
    reply_size(client, "keys.bytes-per-key", f.keys > 0 ? net / f.keys : 0);
    reply_size(client, "dataset.bytes", f.dataset);
    reply_share(client, "dataset.percentage", memory_ratio(f.dataset, net) * 100);
    reply_share(client, "peak.percentage", memory_ratio(f.used, f.peak) * 100);
    reply_size(client, "allocator.allocated", f.allocator.allocated);
    reply_size(client, "allocator.active", f.allocator.active);
    reply_size(client, "allocator.resident", f.allocator.resident);
    reply_waste(client, "allocator-fragmentation.ratio", "allocator-fragmentation.bytes", f.allocator.active,
                f.allocator.allocated);
    reply_waste(client, "allocator-rss.ratio", "allocator-rss.bytes", f.allocator.resident, f.allocator.active);
    reply_waste(client, "rss-overhead.ratio", "rss-overhead.bytes", f.rss, f.allocator.resident);
    reply_waste(client, "fragmentation", "fragmentation.bytes", f.rss, f.used);
}

enum { DOCTOR_MIN_BYTES = 5 * 1024 * 1024 };

/* Below some MiB the proportions say nothing. */
static void diagnose(const struct memory_figures *f, size_t clients, struct bytes *out) {
    if (f->used < DOCTOR_MIN_BYTES) {
        bytes_add_text(out, "This instance uses so little memory that nothing can be said about how.\n");
        return;
    }
    if (memory_ratio(f->peak, f->used) > 1.5)
        bytes_add_text(out, " * Peak memory: more than 150% of what is used now was used before, so the process may "
                            "hold memory that nothing uses. MEMORY PURGE may give some back.\n");
    if (memory_ratio(f->rss, f->used) > 1.4 && f->rss - f->used > 10 * 1024 * 1024)
        bytes_add_text(out, " * Fragmentation: the process holds more than 1.4 times the memory that is used. After "
                            "many deletions that is normal; else activedefrag or a restart of a replica helps.\n");
    if (clients > 0 && f->clients_normal / clients > 200 * 1024)
        bytes_add_text(out, " * Client buffers: clients take more than 200 KiB each on average. CLIENT LIST shows "
                            "which (omem, qbuf); client-output-buffer-limit limits them.\n");
    if (f->clients_replicas > 10 * 1024 * 1024)
        bytes_add_text(out, " * Replica buffers: replicas take more than 10 MiB. They are slow, or the network is.\n");
    if (out->size == 0) bytes_add_text(out, "No problem with the use of memory was found.\n");
}

void memory_doctor_command(struct client *client) {
    struct memory_figures figures;
    struct bytes          text = {0};
    memory_report_read(client->server, &figures);
    diagnose(&figures, client->server->client_count, &text);
    reply_verbatim(client, bytes_slice(&text), "txt");
    bytes_fini(&text);
}

#ifdef HAVE_JEMALLOC
static void add_text(void *bytes, const char *text) {
    bytes_add_text(bytes, text);
}
#endif

void memory_malloc_stats_command(struct client *client) {
    struct bytes text = {0};
#ifdef HAVE_JEMALLOC
    malloc_stats_print(add_text, &text, NULL);
#else
    bytes_add_text(&text, "Stats not supported for the current allocator");
#endif
    reply_verbatim(client, bytes_slice(&text), "txt");
    bytes_fini(&text);
}

void memory_purge_command(struct client *client) {
    if (mem_purge())
        reply_ok(client);
    else
        reply_error(client, "ERR Error purging dirty pages");
}

void memory_help_command(struct client *client) {
    static const char *const lines[] = {
        "DOCTOR",
        "    What is wrong with the use of memory, for people.",
        "MALLOC-STATS",
        "    The allocator's own report.",
        "PURGE",
        "    Ask the allocator to give unused memory back to the system.",
        "STATS",
        "    What memory is used for.",
        "USAGE <key> [SAMPLES <count>]",
        "    Bytes that a key and its value take; of nested values <count> are looked at (5, 0: all).",
        NULL,
    };
    reply_help(client, lines);
}
