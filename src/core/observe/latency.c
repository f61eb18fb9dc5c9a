#include "core/observe/latency.h"

#include "base/histogram.h"
#include "base/mem.h"
#include "base/table.h"
#include "core/command/command.h"
#include "core/config/core_settings.h"
#include "core/observe/latency_internal.h"
#include "core/server.h"

enum { NS_PER_US = 1000 };
static const uint64_t max_ns = 1000000000; /* longer commands count as one second */

struct latency *latency_new(void) {
    struct latency *latency = mem_zalloc(sizeof *latency);
    latency->events = table_new();
    return latency;
}

void latency_free(struct latency **latency) {
    if (*latency == NULL) return;
    table_free(&(*latency)->events, mem_free);
    mem_free(*latency);
    *latency = NULL;
}

static struct latency_event *find_or_add(struct latency *latency, const char *name) {
    struct latency_event *event = table_find(latency->events, slice_text(name));
    if (event != NULL) return event;
    event = mem_zalloc(sizeof *event);
    table_set(latency->events, slice_text(name), event);
    return event;
}

void latency_add_sample(struct server *server, const char *name, int64_t ms) {
    uint64_t threshold = server->settings->latency_monitor_threshold_ms;
    if (LIKELY(threshold == 0) || ms < 0 || (uint64_t)ms < threshold) return;
    struct latency_event *event = find_or_add(server->latency, name);
    int64_t               now_s = server->wall_ms / 1000;
    event->max_ms = MAX(event->max_ms, ms);
    struct latency_sample *newest = event->count > 0 ? latency_sample_at(event, event->count - 1) : NULL;
    if (newest != NULL && newest->wall_s == now_s) {
        newest->ms = MAX(newest->ms, ms);
        return;
    }
    event->samples[event->next] = (struct latency_sample){now_s, ms};
    event->next = (event->next + 1) % LATENCY_SAMPLES;
    event->count = MIN(event->count + 1, LATENCY_SAMPLES);
}

struct latency_sample *latency_sample_at(struct latency_event *event, unsigned place) {
    return &event->samples[(event->next + LATENCY_SAMPLES - event->count + place) % LATENCY_SAMPLES];
}

/* ---- commands ---- */

void latency_count_command(const struct server *server, struct command_entry *entry, int64_t usec) {
    if (!server->settings->latency_tracking) return;
    if (UNLIKELY(entry->latency == NULL)) entry->latency = histogram_new(max_ns);
    histogram_add(entry->latency, (uint64_t)MAX(usec * NS_PER_US, 1));
}

void latency_forget_commands(const struct command_table *commands) {
    for (struct command_entry *entry = NULL; (entry = command_next(commands, entry)) != NULL;) {
        struct histogram *histogram = entry->latency;
        entry->latency = NULL;
        histogram_free(&histogram);
    }
}

void latency_print_percentiles(const struct command_entry *entry, const double *percentiles, size_t count,
                               struct bytes *out) {
    for (size_t i = 0; i < count; i++) {
        uint64_t ns = histogram_percentile(entry->latency, percentiles[i]);
        bytes_add_printf(out, "%sp%g=%.3f", i > 0 ? "," : "", percentiles[i], (double)ns / NS_PER_US);
    }
}
