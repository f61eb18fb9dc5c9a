#include "store/store.h"
#include "store/store_internal.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "store/commands/bitmap_commands.h"
#include "store/commands/database_commands.h"
#include "store/commands/debug_command.h"
#include "store/commands/dump_commands.h"
#include "store/commands/expire_commands.h"
#include "store/commands/following_commands.h"
#include "store/commands/generic_commands.h"
#include "store/commands/geo_commands.h"
#include "store/commands/guard_commands.h"
#include "store/commands/hyperloglog_commands.h"
#include "store/commands/hash_commands.h"
#include "store/commands/list_commands.h"
#include "store/commands/object_commands.h"
#include "store/commands/persist_commands.h"
#include "store/commands/replication_commands.h"
#include "store/commands/set_commands.h"
#include "store/commands/sort_commands.h"
#include "store/commands/stream_commands.h"
#include "store/commands/string_commands.h"
#include "store/commands/zset_commands.h"
#include "store/effects/effects.h"
#include "store/keyspace/databases.h"
#include "store/keyspace/lazy_free.h"
#include "store/notify/tracking_commands.h"
#include "store/persist/persistence.h"
#include "store/prefetch.h"
#include "store/replication/following.h"
#include "store/replication/replication.h"
#include "store/tx/multi.h"
#include "store/tx/session.h"
#include "store/tx/waiting.h"
#include "store/tx/watch.h"

/* ---- clients ---- */

static struct replication_session *find_session(const struct client *client) {
    return &session_of(client)->replication;
}

static uint64_t *find_aof_offset(const struct client *client) {
    return &session_of(client)->aof_offset;
}

static void client_created(void *context, struct client *client) {
    struct store *store = context;
    session_start(client, store->databases, store->waiting, store->notify->tracking);
    session_of(client)->persistence = store->persistence;
    session_of(client)->replication.replication = store->replication;
}

static void client_freed(void *context, struct client *client) {
    replication_client_freed(((struct store *)context)->replication, client);
    session_end(client);
}

static void client_reset_state(void *context, struct client *client) {
    session_reset(client);
}

static size_t client_bytes(void *context, struct client *client) {
    return sizeof(struct session) + multi_memory(client) + waiting_memory(session_of(client));
}

static void client_counts(void *context, struct client *client, int *multi, int *watch) {
    const struct session *session = session_of(client);
    *multi = client->flags & CLIENT_IN_MULTI ? session->queued : -1;
    *watch = session->watch_count;
}

/* ---- commands ---- */

static enum server_verdict take(void *context, struct client *client, const struct command_entry *entry) {
    return multi_take(client, entry);
}

/* Memory is full, and this would need more of it; or it would be queued, and the transaction could not be executed. */
static bool is_denied_when_full(const struct client *client, const struct command_entry *entry) {
    if (entry->flags & COMMAND_DENYOOM) return true;
    if (!(client->flags & CLIENT_IN_MULTI)) return false;
    if (entry->flags & COMMAND_ENDS_TRANSACTION) return (session_of(client)->queue_flags & COMMAND_DENYOOM) != 0;
    return !(entry->flags & COMMAND_NO_QUEUE);
}

static enum server_verdict refuse(void *context, struct client *client, const struct command_entry *entry) {
    struct store *store = context;
    if (LIKELY(!evictor_has_limit(store->evict_settings)) || client->flags & CLIENT_IS_PRIMARY) return SERVER_GO_ON;
    if (evictor_make_room(store->evictor) != EVICT_FULL || !is_denied_when_full(client, entry)) return SERVER_GO_ON;
    reply_error_uncounted(client, "%sOOM command not allowed when used memory > 'maxmemory'.",
                          entry->flags & COMMAND_ENDS_TRANSACTION ? "EXECABORT Transaction discarded because of: " : "");
    return SERVER_TAKEN;
}

static void rejected(void *context, struct client *client) {
    multi_rejected(client);
}

static void before_call(void *context, struct client *client, const struct command_entry *entry) {
    struct databases *databases = ((struct store *)context)->databases;
    databases->shared.no_touch = (client->flags & CLIENT_NO_TOUCH) != 0;
    databases->shared.free_here = !databases->settings.lazyfree_lazy_server_del;
    databases->shared.expire_here = !databases->settings.lazyfree_lazy_expire;
}

static void parsed(void *context, struct client *client, const struct server_request *requests, size_t count) {
    prefetch_keys(session_keyspace(client), requests, count);
}

static void after_call(void *context, struct client *client, const struct command_entry *entry, int64_t dirty,
                       int64_t usec) {
    if (UNLIKELY(session_of(client)->tracker != NULL))
        tracking_executed(((struct store *)context)->notify->tracking, client, entry);
}

static void settled(void *context) {
    struct store *store = context;
    waiting_serve(store->waiting);
    tracking_settled(store->notify->tracking);
}

/* A full synchronization. */
static void data_replaced(void *context) {
    struct store *store = context;
    for (int i = 0; i < databases_count(store->databases); i++) {
        struct keyspace *keyspace = databases_find(store->databases, i);
        watch_touch_all(keyspace, NULL);
        waiting_touch_all(store->waiting, keyspace);
    }
    tracking_all_changed(store->notify->tracking);
}

/* ---- time ---- */

/* A pause exists so that the data stands still, and what is being loaded is not changed: what is past its deadline is not seen, but stays. */
static void note_pause(struct store *store) {
    struct keyspace_shared *shared = &store->databases->shared;
    shared->keep_expired = store->server->is_loading || shared->is_replica || server_paused(store->server) != SERVER_PAUSE_NONE;
}

static void expire(struct store *store) {
    note_pause(store);
    if (databases_expire(store->databases, databases_expire_budget_us(store->databases)))
        server_dont_sleep(store->server);
}

static void cron(void *context, int64_t now_ms) {
    struct store *store = context;
    lazy_free_collect(store->databases->shared.lazy_free);
    expire(store);
    tracking_cron(store->notify->tracking);
    defrag_cron(store->defrag);
}

static void before_sleep(void *context) {
    struct store *store = context;
    if (UNLIKELY(store->databases->has_backlog)) expire(store);
    waiting_serve(store->waiting); /* keys that ended outside of commands */
    if (UNLIKELY(evictor_is_behind(store->evictor)) && evictor_make_room(store->evictor) == EVICT_BEHIND)
        server_dont_sleep(store->server);
    tracking_before_sleep(store->notify->tracking);
}

static void reset_stats(void *context) {
    struct store *store = context;
    databases_reset_stats(store->databases);
    evictor_reset_stats(store->evictor);
    defrag_reset_stats(store->defrag);
}

static size_t bytes_for_replicas(void *context) {
    return replication_extra_bytes(context);
}

/* ---- life ---- */

struct store *store_install(struct server *server) {
    struct store *store = mem_zalloc(sizeof *store);
    store->server = server;
    store->databases = databases_new(server->params, &server->wall_ms, &server->lru_clock);
    store->defrag = defrag_new(server->loop, server->params, store->databases);
    store->evictor = evictor_new(server->params, store->databases);
    store->evict_settings = evictor_settings(store->evictor);
    server->maxmemory_bytes = &store->evict_settings->maxmemory_bytes;
    store->waiting = waiting_new(server, store->databases);
    store->effects = effects_new(server, store->databases);
    store->notify = notify_new(server, &store->databases->shared.hooks, store->waiting);
    store->persistence = persistence_new(server, store->databases, store->evictor, store->effects, find_aof_offset);
    store->hooks = (struct server_hooks){
        .context = store,
        .client_created = client_created,
        .client_freed = client_freed,
        .client_reset = client_reset_state,
        .client_memory = client_bytes,
        .client_counts = client_counts,
        .refuse = refuse,
        .take = take,
        .rejected = rejected,
        .before_call = before_call,
        .after_call = after_call,
        .settled = settled,
        .parsed = parsed,
        .cron = cron,
        .before_sleep = before_sleep,
        .reset_stats = reset_stats,
    };
    server_add_hooks(server, &store->hooks);
    persistence_hook_in(store->persistence);
    store->replication = replication_new(server, store->databases, store->persistence, store->effects, find_session);
    struct following_store of_following = {.context = store, .replaced = data_replaced, .select = session_select};
    store->following = following_new(store->replication, store->evictor, &of_following);
    evictor_leave_out(store->evictor, bytes_for_replicas, store->replication);
    server_add_commands(server, string_commands, string_command_count);
    server_add_commands(server, bitmap_commands, bitmap_command_count);
    server_add_commands(server, hyperloglog_commands, hyperloglog_command_count);
    server_add_commands(server, hash_commands, hash_command_count);
    server_add_commands(server, set_commands, set_command_count);
    server_add_commands(server, list_commands, list_command_count);
    server_add_commands(server, sort_commands, sort_command_count);
    server_add_commands(server, zset_commands, zset_command_count);
    server_add_commands(server, geo_commands, geo_command_count);
    server_add_commands(server, stream_commands, stream_command_count);
    server_add_commands(server, following_commands, following_command_count);
    server_add_commands(server, guard_commands, guard_command_count);
    server_add_commands(server, generic_commands, generic_command_count);
    server_add_commands(server, expire_commands, expire_command_count);
    server_add_commands(server, dump_commands, dump_command_count);
    server_add_commands(server, object_commands, object_command_count);
    server_add_commands(server, memory_usage_commands, 1);
    server_add_commands(server, database_commands, database_command_count);
    server_add_commands(server, persist_commands, persist_command_count);
    server_add_commands(server, replication_commands, replication_command_count);
    server_add_commands(server, multi_commands, multi_command_count);
    server_add_commands(server, tracking_commands, tracking_command_count);
    server_add_commands(server, debug_commands, debug_command_count);
    store_info_add(store);
    return store;
}

bool store_start(struct store *store, struct error *err) {
    notify_start(store->notify);
    evictor_start(store->evictor);
    replication_start(store->replication);
    struct keyspace_shared *shared = &store->databases->shared;
    shared->sees_expired = following_is_wanted(store->following); /* what has ended meanwhile is for the primary to say */
    if (!persistence_start(store->persistence, err)) return false;
    shared->sees_expired = false;
    replication_found_place(store->replication, loading_place(store->persistence->loading));
    following_start(store->following);
    return true;
}

void store_free(struct store **place) {
    struct store *store = *place;
    if (!store) return;
    *place = NULL;
    waiting_free(&store->waiting);
    following_free(&store->following);
    replication_free(&store->replication);
    persistence_free(&store->persistence);
    databases_free(&store->databases);
    evictor_free(&store->evictor);
    defrag_free(&store->defrag);
    effects_free(&store->effects);
    notify_free(&store->notify);
    mem_free(store);
}
