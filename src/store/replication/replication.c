#include "store/replication/replication.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/client/reply.h"
#include "store/persist/persistence.h"
#include "store/persist/rdb_save.h"
#include "store/replication/farewell.h"
#include "store/replication/following.h"
#include "store/replication/guard.h"
#include "store/replication/replicas.h"
#include "store/replication/replication_info.h"
#include "store/replication/sync_replies.h"
#include "store/replication/waits.h"

static const struct param_choice diskless_load_choices[] = {
    {"disabled", DISKLESS_LOAD_NO}, {"on-empty-db", DISKLESS_LOAD_WHEN_EMPTY}, {"swapdb", DISKLESS_LOAD_SWAP},
    {"flush-before-load", DISKLESS_LOAD_FLUSH}, {NULL, 0}};

static const struct param_choice sync_level_choices[] = {{"received", SYNC_RECEIVED}, {"fsynced", SYNC_FSYNCED}, {NULL, 0}};

static const struct param_choice sync_lease_choices[] = {
    {"auto", GUARD_LEASE_AUTO}, {"yes", GUARD_LEASE_YES}, {"no", GUARD_LEASE_NO}, {NULL, 0}};

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
static void note_writer(const struct replication *replication, const struct client *writer) {
    if (writer && writer->mode_data) replication->find_session(writer)->written_until = replication->history.offset;
}

static void take(void *context, const struct effects_batch *batch) {
    struct replication *replication = context;
    for (size_t i = 0; i < batch->count; i++) {
        const struct effect *effect = &batch->effects[i];
        if (effect->db != EFFECT_ANY_DATABASE && effect->db != replication->stream_db) feed_select(replication, effect->db);
        replication_feed(replication, effect->bytes);
    }
    note_writer(replication, batch->client);
    if (UNLIKELY(replication->uses_sync) && !batch->is_for_replicas) sync_replies_hold(replication->sync, batch->client);
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

void replication_drop_stream(struct replication *replication) {
    CHECK(!replicas_count(replication->replicas));
    sync_replies_give_up(replication->sync, SYNC_NOT_PRIMARY);
    replicas_hang_up(replication->replicas); /* nobody is there, but a save for them may run */
    listen_to_effects(replication, false);
    backlog_free(&replication->backlog);
    history_start(&replication->history);
}

size_t replication_extra_bytes(const struct replication *replication) {
    size_t memory = replication->backlog ? backlog_memory(replication->backlog) : 0;
    return memory - MIN(memory, replication->settings.backlog_size_bytes);
}

/* ---- places in it ---- */

void replication_get_place(const struct replication *replication, struct rdb_place *place) {
    *place = (struct rdb_place){0};
    if (!replication->backlog) return;
    if (replication_is_replica(replication) && !following_has_place(replication->following)) return;
    memcpy(place->id, replication->history.id, sizeof place->id);
    place->offset = replication->history.offset;
    place->stream_db = replication_is_replica(replication) ? following_db(replication->following) : MAX(replication->stream_db, 0);
}

static void get_place(void *context, struct rdb_place *place) {
    replication_get_place(context, place);
}

void replication_found_place(struct replication *replication, const struct rdb_place *place) {
    if (!history_is_id(slice_text(place->id)) || place->offset < 0 || replication->backlog) return;
    history_adopt(&replication->history, slice_text(place->id), place->offset);
    if (following_found(replication->following, place->stream_db)) return;
    history_shift(&replication->history);
    replication->replicas->left_ms = replication->server->now_ms;
    replication_need_backlog(replication);
}

void replication_restart_stream(struct replication *replication) {
    replicas_hang_up(replication->replicas);
    backlog_free(&replication->backlog);
    replication_need_backlog(replication);
}

/* ---- the role ---- */

void replication_become_replica(struct replication *replication) {
    listen_to_effects(replication, false);
    guard_become_replica(replication->guard);
    sync_replies_give_up(replication->sync, SYNC_NOT_PRIMARY);
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

bool replication_is_synchronized(const struct replication *replication) {
    return replication_is_replica(replication) && following_is_up(replication->following);
}

bool replication_take_over(struct replication *replication, struct client *client) {
    if (!replication_is_replica(replication)) {
        reply_error(client, "ERR PSYNC FAILOVER can't be sent to a master.");
        return false;
    }
    if (!slice_is_nocase(client->argv[1], replication->history.id)) {
        reply_error(client, "ERR PSYNC FAILOVER replid must match my replid.");
        return false;
    }
    if (guard_is_fenced(replication->guard)) {
        reply_error(client, "FENCED %lld", (long long)guard_epoch(replication->guard));
        return false;
    }
    LOG_WRITE(LOG_NOTICE, "Failover request received for replid %s.", replication->history.id);
    following_promote(replication->following);
    return true;
}

void replication_acknowledge(struct replication *replication) {
    if (replication_is_replica(replication)) following_acknowledge(replication->following);
}

/* ---- hooks ---- */

void replication_client_freed(struct replication *replication, struct client *client) {
    replicas_forget(replication->replicas, client);
}

uint64_t replication_input_bytes(const struct replication *replication) {
    return following_bytes(replication->following) - replication->forgotten_input_bytes;
}

uint64_t replication_output_bytes(const struct replication *replication) {
    return replicas_sent_bytes(replication->replicas) - replication->forgotten_output_bytes;
}

static void cron(void *context, int64_t now_ms) {
    struct replication *replication = context;
    replication->server->stats.replication_input_bytes = replication_input_bytes(replication);
    replication->server->stats.replication_output_bytes = replication_output_bytes(replication);
    replicas_cron(replication->replicas);
    farewell_cron(replication->farewell);
}

static void look_at_news(struct replication *replication) {
    replication->replicas->has_news = false;
    sync_replies_serve(replication->sync); /* before those in WAIT behind such a write */
    waits_serve(replication->waits);
    aof_waits_serve(replication->persistence->waits);
    farewell_on_news(replication->farewell);
}

static void before_sleep(void *context) {
    struct replication *replication = context;
    if (!replication->backlog) return;
    if (replication->replicas->has_news) look_at_news(replication);
    waits_ask(replication->waits);
    replicas_before_sleep(replication->replicas);
}

/* ---- writes that too few would have ---- */

static bool writes(const struct client *client, const struct command_entry *entry) {
    if (entry->flags & COMMAND_WRITE) return true;
    return entry->flags & COMMAND_ENDS_TRANSACTION && client->flags & CLIENT_MULTI_WRITES;
}

static enum server_verdict refuse(void *context, struct client *client, const struct command_entry *entry) {
    const struct replication *replication = context;
    const struct replication_settings *settings = &replication->settings;
    if (LIKELY(!settings->min_replicas && !replication->uses_sync) || replication_is_replica(replication)) return SERVER_GO_ON;
    if (!writes(client, entry) || client->flags & CLIENT_IS_PRIMARY) return SERVER_GO_ON;
    if (replication->uses_sync && sync_replies_refuse(replication->sync, client, entry)) return SERVER_TAKEN;
    if (!settings->min_replicas || !settings->min_replicas_max_lag_s) return SERVER_GO_ON;
    if (replicas_count_good(replication->replicas) >= (size_t)settings->min_replicas) return SERVER_GO_ON;
    bool ends = (entry->flags & COMMAND_ENDS_TRANSACTION) != 0;
    reply_error_uncounted(client, "%sNOREPLICAS Not enough good replicas to write.",
                          ends ? "EXECABORT Transaction discarded because of: " : "");
    return SERVER_TAKEN;
}

/* ---- the end ---- */

static enum server_shutdown_answer shutdown_ask(void *context, unsigned flags, struct error *err) {
    return farewell_begin(((struct replication *)context)->farewell, flags);
}

static void shutdown_aborted(void *context) {
    farewell_end(((struct replication *)context)->farewell);
}

static bool shutdown_finish(void *context, unsigned flags, struct error *err) {
    struct replication *replication = context;
    farewell_end(replication->farewell);
    if (replication->backlog) replicas_give_all(replication->replicas);
    return true;
}

static void reset_stats(void *context) {
    struct replication *replication = context;
    struct replicas    *replicas = replication->replicas;
    replication->forgotten_input_bytes = following_bytes(replication->following);
    replication->forgotten_output_bytes = replicas_sent_bytes(replicas);
    replicas->full = replicas->partial = replicas->refused = 0;
    sync_replies_reset_counts(replication->sync);
}

/* ---- WAITAOF asks ---- */

static bool are_we_replica(void *context) {
    return replication_is_replica(context);
}

static size_t count_synced(void *context, const struct client *client) {
    const struct replication *replication = context;
    return replicas_count_at(replication->replicas, replication->find_session(client)->written_until, true);
}

static void ask_replicas(void *context) {
    waits_want(((struct replication *)context)->waits);
}

/* ---- clients ---- */

/* RESET */
static void forget_choice(void *context, struct client *client) {
    sync_replies_choose(((struct replication *)context)->sync, client, -1);
}

/* ---- life ---- */

static bool apply_sync(void *context, struct error *err) {
    struct replication *replication = context;
    guard_apply(replication->guard);
    sync_replies_apply(replication->sync);
    return true;
}

static bool apply_backlog_size(void *context, struct error *err) {
    struct replication *replication = context;
    replication->server->replica_limit_floor = replication->settings.backlog_size_bytes;
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
    replication->waits = waits_new(replication);
    replication->sync = sync_replies_new(replication);
    replication->guard = guard_new(replication);
    params_bind(server->params, "repl-sync-replicas", (struct param_binding){.apply = apply_sync}, replication);
    params_bind(server->params, "repl-sync-lease", (struct param_binding){.apply = apply_sync}, replication);
    params_bind(server->params, "repl-sync-timeout", (struct param_binding){.apply = apply_sync}, replication);
    replication->farewell = farewell_new(replication);
    server->replica_limit_floor = replication->settings.backlog_size_bytes;
    aof_waits_set_peers(persistence->waits, &(struct aof_peers){.context = replication,
                                                                .are_we_replica = are_we_replica,
                                                                .count = count_synced,
                                                                .ask = ask_replicas});
    saving_set_place(persistence->saving, get_place, replication);
    replication->hooks = (struct server_hooks){
        .context = replication,
        .client_reset = forget_choice,
        .refuse = refuse,
        .cron = cron,
        .before_sleep = before_sleep,
        .shutdown_ask = shutdown_ask,
        .shutdown_finish = shutdown_finish,
        .shutdown_aborted = shutdown_aborted,
        .reset_stats = reset_stats,
    };
    server->role_name = "master";
    server_add_hooks(server, &replication->hooks);
    replication_info_add(replication);
    return replication;
}

void replication_start(struct replication *replication) {
    sync_replies_apply(replication->sync);
}

void replication_stop(struct replication *replication) {
    sync_replies_stop(replication->sync);
    listen_to_effects(replication, false);
    if (replication->replicas) replicas_free(&replication->replicas);
}

void replication_free(struct replication **place) {
    struct replication *replication = *place;
    if (!replication) return;
    *place = NULL;
    replication_stop(replication); /* where there was no server_free() */
    waits_free(&replication->waits);
    sync_replies_free(&replication->sync);
    guard_free(&replication->guard);
    farewell_free(&replication->farewell);
    backlog_free(&replication->backlog);
    mem_free(replication);
}
