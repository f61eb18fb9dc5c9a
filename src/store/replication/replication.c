#include "store/replication/replication.h"
#include "base/mem.h"
#include "store/replication/replicas.h"
#include "store/replication/replication_info.h"

static const struct param_choice diskless_load_choices[] = {
    {"disabled", DISKLESS_LOAD_NO}, {"on-empty-db", DISKLESS_LOAD_WHEN_EMPTY}, {"swapdb", DISKLESS_LOAD_SWAP},
    {"flush-before-load", DISKLESS_LOAD_FLUSH}, {NULL, 0}};

static const struct param rows[] = {
#define PARAM(name, field, type, ...) PARAM_ROW(struct replication_settings, name, field, type, __VA_ARGS__)
#include "store/replication/replication_param.def"
#undef PARAM
};

/* ---- the stream ---- */

void replication_feed(struct replication *replication, struct slice bytes) {
    CHECK(replication->backlog != NULL);
    backlog_append(replication->backlog, bytes);
    replication->history.offset += (int64_t)bytes.size;
}

static void feed_select(struct replication *replication, int db) {
    struct bytes text = {0};
    effects_print_select(&text, db);
    replication_feed(replication, bytes_slice(&text));
    bytes_fini(&text);
    replication->stream_db = db;
}

/* Who asks with WAIT means what was written by its own commands. */
static void note_writer(const struct replication *replication) {
    const struct client *writer = replication->server->current_client;
    if (writer) replication->find_session(writer)->written_until = replication->history.offset;
}

static void take(void *context, const struct effects_batch *batch) {
    struct replication *replication = context;
    for (size_t i = 0; i < batch->count; i++) {
        const struct effect *effect = &batch->effects[i];
        if (effect->db != EFFECT_ANY_DATABASE && effect->db != replication->stream_db) feed_select(replication, effect->db);
        replication_feed(replication, effect->bytes);
    }
    note_writer(replication);
}

static void listen_to_effects(struct replication *replication, bool wanted) {
    bool is_sink = list_is_linked(&replication->sink.node);
    if (wanted && !is_sink) effects_add_sink(replication->effects, &replication->sink);
    if (!wanted && is_sink) effects_remove_sink(replication->effects, &replication->sink);
}

void replication_need_backlog(struct replication *replication) {
    if (!replication->backlog) {
        replication->backlog = backlog_new(replication->history.offset, replication->settings.backlog_size_bytes);
        replication->stream_db = -1;
    }
    if (!replication_is_replica(replication)) listen_to_effects(replication, true);
}

void replication_restart_stream(struct replication *replication) {
    replicas_hang_up(replication->replicas);
    backlog_free(&replication->backlog);
    replication_need_backlog(replication);
}

/* ---- the role ---- */

void replication_become_replica(struct replication *replication) {
    listen_to_effects(replication, false);
    replication->server->role_name = "replica";
}

void replication_become_primary(struct replication *replication) {
    CHECK(!replication->upstream);
    replication->server->role_name = "master";
    history_shift(&replication->history);
    replicas_hang_up(replication->replicas);
    replication->stream_db = -1;
    if (replication->backlog) listen_to_effects(replication, true);
}

/* ---- hooks ---- */

void replication_client_freed(struct replication *replication, struct client *client) {
    replicas_forget(replication->replicas, client);
}

static void cron(void *context, int64_t now_ms) {
    struct replication *replication = context;
    replicas_cron(replication->replicas);
}

static void before_sleep(void *context) {
    struct replication *replication = context;
    if (replication->backlog) replicas_before_sleep(replication->replicas);
}

/* ---- life ---- */

static bool apply_backlog_size(void *context, struct error *err) {
    struct replication *replication = context;
    if (replication->backlog) backlog_set_limit(replication->backlog, replication->settings.backlog_size_bytes);
    return true;
}

struct replication *replication_new(struct server *server, struct databases *databases, struct persistence *persistence,
                                    struct effects *effects, replication_find_session *find_session) {
    struct replication *replication = mem_zalloc(sizeof *replication);
    replication->server = server;
    replication->databases = databases;
    replication->persistence = persistence;
    replication->effects = effects;
    replication->find_session = find_session;
    replication->stream_db = -1;
    replication->sink = (struct effects_sink){.context = replication, .take = take};
    list_node_init(&replication->sink.node);
    history_start(&replication->history);
    params_add(server->params, rows, COUNT_OF(rows), &replication->settings);
    params_bind(server->params, "repl-backlog-size", (struct param_binding){.apply = apply_backlog_size}, replication);
    replication->replicas = replicas_new(replication);
    replication->hooks = (struct server_hooks){
        .context = replication, .cron = cron, .before_sleep = before_sleep};
    server->role_name = "master";
    server_add_hooks(server, &replication->hooks);
    replication_info_add(replication);
    return replication;
}

void replication_free(struct replication **place) {
    struct replication *replication = *place;
    if (!replication) return;
    *place = NULL;
    listen_to_effects(replication, false);
    replicas_free(&replication->replicas);
    backlog_free(&replication->backlog);
    mem_free(replication);
}
