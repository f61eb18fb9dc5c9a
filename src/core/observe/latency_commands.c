#include "core/observe/latency_internal.h"

#include "base/histogram.h"
#include "base/mem.h"
#include "base/table.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/config/core_settings.h"
#include "core/server.h"

#include <stdio.h>

#define COMMAND COMMAND_PROTOTYPE
#include "core/observe/observe.def"
#undef COMMAND

static struct table *events_of(struct client *client) {
    return client->server->latency->events;
}

void latency_latest_command(struct client *client) {
    size_t             count = table_count(events_of(client));
    struct table_walk *sorted = table_sorted(events_of(client));
    reply_array(client, count);
    for (size_t i = 0; i < count; i++) {
        struct latency_event  *event = sorted[i].value;
        struct latency_sample *newest = latency_sample_at(event, event->count - 1);
        reply_array(client, 4);
        reply_bulk(client, sorted[i].key);
        reply_int(client, newest->wall_s);
        reply_int(client, newest->ms);
        reply_int(client, event->max_ms);
    }
    mem_free(sorted);
}

void latency_history_command(struct client *client) {
    struct latency_event *event = table_find(events_of(client), client->argv[2]);
    if (event == NULL) {
        reply_empty_array(client);
        return;
    }
    reply_array(client, event->count);
    for (unsigned i = 0; i < event->count; i++) {
        struct latency_sample *sample = latency_sample_at(event, i);
        reply_array(client, 2);
        reply_int(client, sample->wall_s);
        reply_int(client, sample->ms);
    }
}

void latency_reset_command(struct client *client) {
    int64_t removed = 0;
    if (client->argc == 2) {
        removed = (int64_t)table_count(events_of(client));
        table_clear(events_of(client), mem_free);
    }
    for (int i = 2; i < client->argc; i++) {
        void *event = table_remove(events_of(client), client->argv[i]);
        removed += event != NULL;
        mem_free(event);
    }
    reply_int(client, removed);
}

/* ---- GRAPH: bars of text, the newest sample at the right, under each how long ago it was ---- */

enum { GRAPH_ROWS = 4, GRAPH_COLUMNS = 80, GRAPH_LABEL = 8 };
static const char graph_marks[] = "_-`"; /* low, middle, high within a row */

static void print_age(int64_t seconds, char label[GRAPH_LABEL]) {
    if (seconds < 60)
        snprintf(label, GRAPH_LABEL, "%ds", (int)seconds);
    else if (seconds < 3600)
        snprintf(label, GRAPH_LABEL, "%dm", (int)(seconds / 60));
    else if (seconds < 86400)
        snprintf(label, GRAPH_LABEL, "%dh", (int)(seconds / 3600));
    else
        snprintf(label, GRAPH_LABEL, "%dd", (int)MIN(seconds / 86400, 99999));
}

static void print_row(struct latency_event *event, unsigned first, int row, int64_t low, int64_t high,
                      struct bytes *out) {
    int marks = (int)sizeof graph_marks - 1, steps = marks * GRAPH_ROWS;
    for (unsigned i = first; i < event->count; i++) {
        int64_t above = latency_sample_at(event, i)->ms - low;
        int     step = (int)MIN(above * steps / MAX(high - low, 1), steps - 1);
        int     mark = step - (GRAPH_ROWS - 1 - row) * marks;
        bytes_add_char(out, mark >= 0 && mark < marks ? graph_marks[mark] : mark >= marks ? '|' : ' ');
    }
    bytes_add_char(out, '\n');
}

static void print_labels(struct latency_event *event, unsigned first, int64_t now_s, struct bytes *out) {
    char labels[GRAPH_COLUMNS][GRAPH_LABEL] = {{0}};
    bool more = true;
    for (unsigned i = first; i < event->count; i++)
        print_age(MAX(now_s - latency_sample_at(event, i)->wall_s, 0), labels[i - first]);
    for (int line = 0; line < GRAPH_LABEL && more; line++) {
        more = false;
        for (unsigned i = 0; i < event->count - first; i++)
            if (strlen(labels[i]) > (size_t)line) more = true;
        for (unsigned i = 0; more && i < event->count - first; i++)
            bytes_add_char(out, strlen(labels[i]) > (size_t)line ? labels[i][line] : ' ');
        if (more) bytes_add_char(out, '\n');
    }
}

static void print_graph(struct latency_event *event, struct slice name, int64_t now_s, struct bytes *out) {
    unsigned first = event->count > GRAPH_COLUMNS ? event->count - GRAPH_COLUMNS : 0;
    int64_t  low = INT64_MAX, high = 0;
    for (unsigned i = first; i < event->count; i++) {
        low = MIN(low, latency_sample_at(event, i)->ms);
        high = MAX(high, latency_sample_at(event, i)->ms);
    }
    bytes_add_printf(out, "%.*s - high %lld ms, low %lld ms (all time high %lld ms)\n", (int)name.size, name.data,
                     (long long)high, (long long)low, (long long)event->max_ms);
    for (int i = 0; i < GRAPH_COLUMNS; i++) bytes_add_char(out, '-');
    bytes_add_char(out, '\n');
    for (int row = 0; row < GRAPH_ROWS; row++) print_row(event, first, row, low, high, out);
    bytes_add_char(out, '\n');
    print_labels(event, first, now_s, out);
}

void latency_graph_command(struct client *client) {
    struct slice          name = client->argv[2];
    struct latency_event *event = table_find(events_of(client), name);
    struct bytes          text = {0};
    if (event == NULL) {
        reply_error(client, "ERR No samples available for event '%.*s'", (int)MIN(name.size, 128), name.data);
        return;
    }
    print_graph(event, name, client->server->wall_ms / 1000, &text);
    reply_verbatim(client, bytes_slice(&text), "txt");
    bytes_fini(&text);
}

/* ---- DOCTOR ---- */

/* What to do about an event; the longest prefix counts. */
static const struct {
    const char *event, *advice;
} advices[] = {
    {"command", "Look at SLOWLOG GET for the commands that take long, and avoid those that walk over large values."},
    {"fast-command", "Commands of constant time took long: the machine is busy, swapping or virtualized too tightly."},
    {"fork", "A fork copies the table of pages: give the process less memory, and switch transparent huge pages off."},
    {"aof", "The disk is slow: set no-appendfsync-on-rewrite, use appendfsync everysec, or give the log its own disk."},
    {"rdb", "The disk is slow: save less often or to a faster disk."},
    {"expire", "Many keys end at the same time: spread their times of expiry."},
    {"evict", "Memory is full and much has to leave at once: raise maxmemory or set lazyfree-lazy-eviction yes."},
};

static const char *advice_for(struct slice event) {
    const char *advice = "";
    for (size_t i = 0; i < COUNT_OF(advices); i++)
        if (slice_starts_with(event, advices[i].event)) advice = advices[i].advice;
    return advice;
}

static void diagnose(struct latency_event *event, struct slice name, int64_t now_s, struct bytes *out) {
    int64_t sum = 0, deviation = 0;
    for (unsigned i = 0; i < event->count; i++) sum += latency_sample_at(event, i)->ms;
    int64_t average = sum / event->count;
    for (unsigned i = 0; i < event->count; i++) {
        int64_t distance = latency_sample_at(event, i)->ms - average;
        deviation += distance < 0 ? -distance : distance;
    }
    int64_t seconds = MAX(now_s - latency_sample_at(event, 0)->wall_s, 1);
    bytes_add_printf(out, "%.*s: %u latency spikes (average %lldms, mean deviation %lldms, one every %.1f seconds). "
                          "Worst of all time: %lldms.\n",
                     (int)name.size, name.data, event->count, (long long)average,
                     (long long)(deviation / event->count), (double)seconds / event->count, (long long)event->max_ms);
    const char *advice = advice_for(name);
    if (advice[0] != '\0') bytes_add_printf(out, "    %s\n", advice);
}

void latency_doctor_command(struct client *client) {
    struct server *server = client->server;
    struct bytes   text = {0};
    size_t         count = table_count(events_of(client));
    if (server->settings->latency_monitor_threshold_ms == 0)
        bytes_add_text(&text, "Latency monitoring is off. CONFIG SET latency-monitor-threshold <milliseconds> turns it "
                              "on.\n");
    else if (count == 0)
        bytes_add_text(&text, "No latency spike was observed since the start or the last LATENCY RESET.\n");
    struct table_walk *sorted = table_sorted(events_of(client));
    for (size_t i = 0; i < count; i++) diagnose(sorted[i].value, sorted[i].key, server->wall_ms / 1000, &text);
    mem_free(sorted);
    reply_verbatim(client, bytes_slice(&text), "txt");
    bytes_fini(&text);
}

/* ---- HISTOGRAM ---- */

/* Edges at 1024 ns and its doubles; an edge at which nothing was added is left out. */
static void reply_histogram(struct client *client, const struct command_entry *entry) {
    const struct histogram *histogram = entry->latency;
    uint64_t                before = 0, all = histogram_count(histogram);
    size_t                  edges = 0;
    reply_bulk_text(client, entry->name);
    reply_map(client, 2);
    reply_bulk_text(client, "calls");
    reply_uint(client, all);
    reply_bulk_text(client, "histogram_usec");
    struct output_hole hole = reply_later(client);
    for (uint64_t edge = 1024; before < all; edge *= 2) {
        uint64_t count = histogram_count_up_to(histogram, edge);
        if (count == before) continue;
        reply_uint(client, histogram_highest_equivalent(edge) / 1000);
        reply_uint(client, count);
        before = count;
        edges++;
    }
    reply_map_here(client, hole, edges);
}

static size_t reply_if_known(struct client *client, const struct command_entry *entry) {
    if (entry->latency == NULL) return 0;
    reply_histogram(client, entry);
    return 1;
}

void latency_histogram_command(struct client *client) {
    const struct command_table *commands = client->server->commands;
    struct output_hole          hole = reply_later(client);
    size_t                      count = 0;
    if (client->argc == 2)
        for (struct command_entry *entry = NULL; (entry = command_next(commands, entry)) != NULL;)
            count += reply_if_known(client, entry);
    for (int i = 2; i < client->argc; i++) {
        struct command_entry *entry = command_find_full(commands, client->argv[i]);
        if (entry == NULL) continue;
        count += reply_if_known(client, entry);
        for (unsigned j = 0; j < entry->subcommand_count; j++) count += reply_if_known(client, entry->subcommands[j]);
    }
    reply_map_here(client, hole, count);
}

void latency_help_command(struct client *client) {
    static const char *const lines[] = {
        "DOCTOR",
        "    What took long, how often, and what can be done, for people.",
        "GRAPH <event>",
        "    A drawing of an event's samples.",
        "HISTORY <event>",
        "    An event's samples: time and milliseconds.",
        "LATEST",
        "    The newest sample of each event, and its worst.",
        "RESET [<event> ...]",
        "    Forget these events, or all.",
        "HISTOGRAM [COMMAND ...]",
        "    How many calls of these commands, or all, took how many microseconds.",
        NULL,
    };
    reply_help(client, lines);
}
