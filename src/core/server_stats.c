/* Counters, rates and errors of the server: what INFO stats reports. */
#include "core/server_internal.h"

#include "base/mem.h"
#include "base/table.h"

/* One more sample of each rate; called about ten times a second. */
void server_sample(struct server *server) {
    struct server_internal *internal = server->internal;
    const uint64_t          now[SERVER_METRIC_COUNT] = {
        [SERVER_METRIC_COMMANDS] = server->stats.commands_processed,
        [SERVER_METRIC_NET_IN] = server->stats.net_input_bytes,
        [SERVER_METRIC_NET_OUT] = server->stats.net_output_bytes,
        [SERVER_METRIC_REPLICATION_IN] = server->stats.replication_input_bytes,
        [SERVER_METRIC_REPLICATION_OUT] = server->stats.replication_output_bytes,
    };
    int64_t elapsed_ms = server->now_ms - internal->sampled_ms;
    internal->sampled_ms = server->now_ms;
    for (int i = 0; i < SERVER_METRIC_COUNT; i++) {
        struct metric_samples *metric = &internal->metrics[i];
        uint64_t               grown = now[i] >= metric->last ? now[i] - metric->last : 0; /* RESETSTAT came between */
        metric->last = now[i];
        metric->samples[metric->next] = elapsed_ms > 0 ? grown * 1000 / (uint64_t)elapsed_ms : 0;
        metric->next = (metric->next + 1) % SERVER_SAMPLES;
    }
}

uint64_t server_rate(const struct server *server, enum server_metric metric) {
    uint64_t sum = 0;
    for (int i = 0; i < SERVER_SAMPLES; i++) sum += server->internal->metrics[metric].samples[i];
    return sum / SERVER_SAMPLES;
}

void server_reset_stats(struct server *server) {
    memset(&server->stats, 0, sizeof(server->stats));
    memset(server->internal->metrics, 0, sizeof(server->internal->metrics));
    table_clear(server->error_stats, mem_free);
    command_reset_stats(server->commands);
    loop_reset_peaks(server->loop);
    SERVER_CALL_HOOKS(server, reset_stats);
}

/* Codes come from our own texts, but a script may invent them: beyond this many they are counted together. */
enum { ERROR_CODES_MAX = 128, ERROR_CODE_BYTES = 64 };

void server_count_error(struct server *server, struct slice code) {
    server->stats.error_replies++;
    struct server_error_stat *stat = table_find(server->error_stats, code);
    if (!stat) {
        if (table_count(server->error_stats) >= ERROR_CODES_MAX || code.size > ERROR_CODE_BYTES)
            code = SLICE("ERRORSTATS_OVERFLOW");
        stat = table_find(server->error_stats, code);
    }
    if (!stat) {
        stat = mem_zalloc(sizeof(*stat));
        table_set(server->error_stats, code, stat);
    }
    stat->count++;
}
