#include "store/replication/following_internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/client/blocked.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "store/keyspace/databases.h"
#include "store/keyspace/evict.h"
#include "store/persist/aof_rewriting.h"
#include "store/persist/persistence.h"
#include "store/replication/guard.h"
#include "store/replication/own_keys.h"
#include "store/replication/replicas.h"
#include "store/replication/stream_in.h"

#include <stdio.h>

/* ---- parameters ---- */

static bool check_replicaof(const struct param *row, struct param_values *values, struct error *err) {
    if (values->count > 1) return error_set(err, "must be one host and one port");
    if (!values->count) return true;
    struct slice rest = slice_text(values->items[0].text), host, port;
    int64_t number;
    if (!slice_split(&rest, ' ', &host) || !slice_split(&rest, ' ', &port) || rest.data || !host.size ||
        !number_parse_int(port, &number) || number < 1 || number > 65535)
        return error_set(err, "must be a host and a port");
    return true;
}

static const struct param rows[] = {
#define PARAM(name, field, type, ...) PARAM_ROW(struct following_settings, name, field, type, __VA_ARGS__)
#include "store/replication/following_param.def"
#undef PARAM
};

/* What REPLICAOF made of it. */
static void get_replicaof(void *context, struct param_values *out) {
    const struct following *following = context;
    const char *host = upstream_host(following->upstream);
    if (!following->has_started) {
        param_values_copy(out, &following->settings.replicaof);
    } else if (host) {
        struct bytes text = {0};
        bytes_add_printf(&text, "%s %d", host, upstream_port(following->upstream));
        param_values_add(out, (struct slice){NULL, 0}, bytes_slice(&text));
        bytes_fini(&text);
    }
}

/* ---- what is different on a replica ---- */

void following_apply_role(struct following *following) {
    bool is_replica = following_is_replica(following);
    const struct replication_settings *settings = &following->replication->settings;
    bool is_moving = handover_state(following->handover) != HANDOVER_NONE; /* the data stands still */
    evictor_set_idle(following->evictor, is_moving || (is_replica && settings->ignores_maxmemory));
    own_keys_watch(following->own_keys, is_replica && !settings->is_read_only);
    struct keyspace_shared *shared = &following->replication->databases->shared;
    shared->is_replica = is_replica;
    following->replication->server->stops_on_primary_errors =
        settings->is_read_only && following->replication->persistence->settings.propagation_errors != PERSIST_ERRORS_IGNORED;
    if (following->has_started) log_set_role(is_replica ? 'S' : 'M');
    shared->keep_expired |= is_replica || is_moving; /* the store's cron takes it back */
}

static bool apply_settings(void *context, struct error *err) {
    following_apply_role(context);
    return true;
}

static enum server_verdict say_no(struct client *client, const struct command_entry *entry, const char *why) {
    bool ends = (entry->flags & COMMAND_ENDS_TRANSACTION) != 0;
    reply_error_uncounted(client, "%s%s", ends ? "EXECABORT Transaction discarded because of: " : "", why);
    return SERVER_TAKEN;
}

static bool writes(const struct client *client, const struct command_entry *entry) {
    if (entry->flags & COMMAND_WRITE) return true;
    return entry->flags & COMMAND_ENDS_TRANSACTION && client->flags & CLIENT_MULTI_WRITES;
}

/* A client that can follow a redirection (CLIENT CAPA) is sent to the primary instead of being refused or read old data. */
static bool redirects(const struct client *client, const struct command_entry *entry) {
    if (LIKELY(!(client->flags & CLIENT_REDIRECTS))) return false;
    return writes(client, entry) || (entry->flags & COMMAND_READONLY && !(client->flags & CLIENT_READONLY));
}

static enum server_verdict refuse(void *context, struct client *client, const struct command_entry *entry) {
    const struct following *following = context;
    if (LIKELY(!following_is_replica(following)) || client->flags & CLIENT_IS_PRIMARY) return SERVER_GO_ON;
    const struct replication_settings *settings = &following->replication->settings;
    if (redirects(client, entry)) {
        char why[sizeof "REDIRECT :" + 256 + 8];
        snprintf(why, sizeof why, "REDIRECT %s:%d", upstream_host(following->upstream), upstream_port(following->upstream));
        return say_no(client, entry, why);
    }
    if (settings->is_read_only && writes(client, entry))
        return say_no(client, entry, "READONLY You can't write against a read only replica.");
    if (!settings->serves_stale && !stream_in_is_up(upstream_stream(following->upstream)) && !(entry->flags & COMMAND_STALE))
        return say_no(client, entry, "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.");
    const struct sync_in *sync = upstream_sync(following->upstream);
    if (sync && sync_in_serves_old(sync) && entry->flags & COMMAND_NO_ASYNC_LOADING)
        return say_no(client, entry, "LOADING Redis is loading the dataset in memory");
    return SERVER_GO_ON;
}

/* What is past its deadline is there for the primary's commands: it alone says when it is not any more. */
static void before_call(void *context, struct client *client, const struct command_entry *entry) {
    const struct following *following = context;
    if (UNLIKELY(following_is_replica(following)))
        following->replication->databases->shared.sees_expired = (client->flags & CLIENT_IS_PRIMARY) != 0;
}

/* ---- what the link asks and tells ---- */

static const char *text_or_none(const char *text) {
    return *text ? text : NULL;
}

static void plan(void *context, struct upstream_plan *to) {
    const struct following *following = context;
    const struct replication *replication = following->replication;
    const struct replication_settings *settings = &replication->settings;
    to->user = text_or_none(settings->primary_user);
    to->password = text_or_none(settings->primary_password);
    to->announce_ip = text_or_none(settings->announce_ip);
    to->announce_port = settings->announce_port ? (int)settings->announce_port : following_port(following);
    to->id = following->can_resume ? replication->history.id : NULL;
    to->next = replication->history.offset + 1;
    to->is_failover = following->is_failover;
    to->uses_tls = following->settings.uses_tls;
    to->timeout_ms = settings->timeout_s * 1000;
}

/* The data is another one now: what the append-only file holds, and a child writes, is about the old one. */
static void renew_files(struct following *following) {
    struct persistence *persistence = following->replication->persistence;
    struct error err;
    if (!persistence->settings.appendonly) return;
    aof_rewriting_switch_off(persistence->rewriting);
    if (!aof_rewriting_switch_on(persistence->rewriting, false, &err))
        LOG_WRITE(LOG_WARNING, "The append-only file can't be begun anew after the synchronization: %s", err.text);
}

static void begins_sync(void *context, const char *id, int64_t offset) {
    struct following *following = context;
    saving_kill(following->replication->persistence->saving); /* its file would take the new one's place */
    handover_answered(following->handover, NULL);
}

static void sync_settings(void *context, struct sync_in_settings *settings, bool is_marked) {
    const struct following *following = context;
    const struct replication *replication = following->replication;
    const struct persist_settings *persist = &replication->persistence->settings;
    bool is_empty = databases_keys(replication->databases) == 0;
    switch ((enum diskless_load)replication->settings.diskless_load) {
    case DISKLESS_LOAD_NO: settings->way = SYNC_IN_BY_FILE; break;
    case DISKLESS_LOAD_WHEN_EMPTY: settings->way = is_empty ? SYNC_IN_EMPTIED : SYNC_IN_BY_FILE; break;
    case DISKLESS_LOAD_SWAP: settings->way = SYNC_IN_SWAPPED; break;
    case DISKLESS_LOAD_FLUSH: settings->way = SYNC_IN_EMPTIED; break;
    }
    /* The old data is an earlier state of the same data, not something else. */
    settings->serves_old = settings->way == SYNC_IN_SWAPPED && !is_empty &&
                           strcmp(upstream_id(following->upstream), replication->history.id) == 0;
    settings->lazy_flush = replication->settings.lazy_flush;
    settings->checksum = persist->checksum;
    settings->deep = persist->sanitize == PERSIST_SANITIZE_YES;
    settings->removes_file = replication->settings.removes_files && !persist->save.count;
    settings->dbfilename = persist->dbfilename;
}

/* Until now a failure costs nothing: the old data, its place in its history, and those who follow us on it. */
static void replaced(void *context) {
    struct following *following = context;
    following->can_resume = false;
    saving_kill(following->replication->persistence->saving);
    replicas_hang_up(following->replication->replicas);
    following->store.replaced(following->store.context);
}

static bool select_db(void *context, struct client *client, int64_t number) {
    const struct following *following = context;
    return following->store.select(client, number);
}

static void synced(void *context, const char *id, int64_t offset) {
    struct following *following = context;
    struct replication *replication = following->replication;
    synced_offset_reset(&following->synced);
    following->can_resume = *id != 0;
    if (following->can_resume) {
        history_adopt(&replication->history, slice_text(id), offset);
    } else {
        history_start(&replication->history);
        replication->history.offset = offset;
    }
    replication_restart_stream(replication);
    renew_files(following);
}

static void resumed(void *context, const char *id) {
    struct following *following = context;
    struct replication *replication = following->replication;
    if (*id && strcmp(id, replication->history.id) != 0) {
        LOG_WRITE(LOG_NOTICE, "Master replication ID changed to %s", id);
        history_rename(&replication->history, slice_text(id));
        replicas_hang_up(replication->replicas); /* they resume, and learn the name */
    }
    replication_need_backlog(replication);
    handover_answered(following->handover, NULL);
}

static void applied(void *context, struct slice bytes) {
    replication_feed(((struct following *)context)->replication, bytes);
}

static void lost(void *context, bool is_broken) {
    struct following *following = context;
    if (is_broken) following->can_resume = false;
}

static void refused(void *context, const char *why) {
    handover_answered(((struct following *)context)->handover, why);
}

/* What is there now, nothing, is the data of no history: nobody may take it for that of ours. */
static void sync_failed(void *context, bool has_lost_data) {
    struct following *following = context;
    if (!has_lost_data) return;
    synced_offset_reset(&following->synced);
    history_start(&following->replication->history);
    replication_restart_stream(following->replication);
    renew_files(following);
}

/* What was executed is in the file up to its end now, and on the disk up to where that was synced. */
static void note_synced(struct following *following) {
    const struct aof *aof = following->replication->persistence->aof;
    struct stream_in *stream = upstream_stream(following->upstream);
    if (aof_state(aof) == AOF_OFF) {
        synced_offset_reset(&following->synced);
    } else {
        synced_offset_note(&following->synced, stream_in_applied_offset(stream), aof_offset(aof));
        (void)synced_offset_advance(&following->synced, aof_synced_offset(aof));
    }
    stream_in_set_synced(stream, following->synced.offset);
}

/* ---- roles ---- */

static bool may_be_cut_off(const struct client *client) {
    return blocked_is(client) && blocked_reason(client) != BLOCKED_BY_SHUTDOWN;
}

/* Who waits for what only a primary can give is told, and has to find out anew whom to talk to. */
static void unblock_all(struct server *server) {
    LIST_EACH(&server->clients, node) {
        struct client *client = container_of(node, struct client, node);
        if (!may_be_cut_off(client)) continue;
        reply_error(client, "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)");
        blocked_end(client);
        client_close_after_reply(client);
    }
}

static void follow(struct following *following, const char *host, int port, bool is_failover) {
    struct replication *replication = following->replication;
    bool was_primary = !following_is_replica(following);
    int db = was_primary ? following->found_db : upstream_db(following->upstream);
    following->found_db = 0;
    unblock_all(replication->server);
    following->is_failover = is_failover;
    if (was_primary) {
        replication->upstream = following->upstream;
        replication_become_replica(replication);
        replication_need_backlog(replication);
        following->can_resume = true; /* with our own history: another one may have gone on from it */
    }
    following_apply_role(following);
    upstream_follow(following->upstream, host, port, db);
}

void following_follow(struct following *following, const char *host, int port, bool is_failover) {
    guard_end_fence(following->replication->guard);
    follow(following, host, port, is_failover);
}

void following_fence(struct following *following) {
    struct error err;
    if (handover_state(following->handover) != HANDOVER_NONE) CHECK(handover_abort(following->handover, &err));
    if (!following_is_replica(following)) return;
    if (following_is_up(following)) note_synced(following);
    upstream_suspend(following->upstream);
}

void following_release(struct following *following) {
    if (following_is_replica(following)) upstream_redial(following->upstream);
}

int64_t following_fsynced(struct following *following) {
    if (aof_state(following->replication->persistence->aof) == AOF_OFF) return -1;
    return synced_offset_advance(&following->synced, aof_synced_offset(following->replication->persistence->aof));
}

void following_promote(struct following *following) {
    struct replication *replication = following->replication;
    if (!following_is_replica(following)) return;
    guard_end_fence(replication->guard);
    upstream_stop(following->upstream);
    replication->upstream = NULL;
    replication->databases->shared.sees_expired = false;
    following->can_resume = following->is_failover = false;
    replication_become_primary(replication);
    replication->replicas->left_ms = replication->server->now_ms; /* those who followed the old one are about to come */
    following_apply_role(following);
}

bool following_is_of(const struct following *following, struct slice host, int port) {
    const char *now = upstream_host(following->upstream);
    return following_is_replica(following) && now && slice_is_nocase(host, now) && upstream_port(following->upstream) == port;
}

bool following_is_up(const struct following *following) {
    return following_is_replica(following) && stream_in_is_up(upstream_stream(following->upstream));
}

void following_acknowledge(struct following *following) {
    upstream_acknowledge(following->upstream);
}

bool following_is_wanted(const struct following *following) {
    return following->settings.replicaof.count > 0;
}

bool following_has_place(const struct following *following) {
    return following->can_resume;
}

int following_db(const struct following *following) {
    return upstream_db(following->upstream);
}

bool following_found(struct following *following, int db) {
    following->has_found = following_is_wanted(following);
    following->found_db = db;
    return following->has_found;
}

struct handover *following_handover(const struct following *following) {
    return following->handover;
}

static void get_loading_state(void *context, struct loading_state *state) {
    const struct sync_in *sync = upstream_sync(((const struct following *)context)->upstream);
    if (sync && sync_in_is_loading(sync)) sync_in_get_state(sync, state);
}

/* ---- time and clients ---- */

static void cron(void *context, int64_t now_ms) {
    struct following *following = context;
    handover_cron(following->handover);
    if (!following_is_replica(following)) return;
    upstream_cron(following->upstream);
    own_keys_expire(following->own_keys);
}

static void before_sleep(void *context) {
    struct following *following = context;
    if (UNLIKELY(following_is_up(following))) note_synced(following);
    handover_before_sleep(following->handover);
}

/* Nothing may watch when the loop goes. */
static void server_freed(void *context) {
    struct following *following = context;
    following->replication->upstream = NULL;
    upstream_free(&following->upstream);
    replication_stop(following->replication);
}

static void client_freed(void *context, struct client *client) {
    struct following *following = context;
    if (client->flags & CLIENT_IS_PRIMARY) upstream_client_freed(following->upstream, client);
}

static void primary_said(void *context, struct client *client, struct slice bytes) {
    stream_in_said(upstream_stream(((struct following *)context)->upstream), client, bytes);
}

static void primary_obeyed(void *context, struct client *client) {
    stream_in_obeyed(upstream_stream(((struct following *)context)->upstream), client);
}

/* ---- life ---- */

struct following *following_new(struct replication *replication, struct evictor *evictor,
                                const struct following_store *store) {
    struct following *following = mem_zalloc(sizeof *following);
    struct server *server = replication->server;
    following->replication = replication;
    following->evictor = evictor;
    following->store = *store;
    synced_offset_reset(&following->synced);
    following->own_keys = own_keys_new(replication->databases);
    following->handover = handover_new(following);
    struct upstream_hooks hooks = {
        .context = following, .plan = plan, .begins_sync = begins_sync, .sync_settings = sync_settings, .replaced = replaced,
        .synced = synced, .sync_failed = sync_failed, .resumed = resumed, .applied = applied, .lost = lost, .refused = refused,
        .select = select_db,
    };
    following->upstream = upstream_new(server, replication->databases, &hooks);
    replication->persistence->synced_state = get_loading_state;
    replication->persistence->synced_context = following;
    params_add(server->params, rows, COUNT_OF(rows), &following->settings);
    params_bind(server->params, "replicaof", (struct param_binding){.get = get_replicaof}, following);
    params_bind(server->params, "replica-read-only", (struct param_binding){.apply = apply_settings}, following);
    params_bind(server->params, "propagation-error-behavior", (struct param_binding){.apply = apply_settings}, following);
    params_bind(server->params, "replica-ignore-maxmemory", (struct param_binding){.apply = apply_settings}, following);
    following->hooks = (struct server_hooks){
        .context = following, .client_freed = client_freed, .refuse = refuse, .before_call = before_call, .cron = cron,
        .before_sleep = before_sleep,
        .server_freed = server_freed, .primary_said = primary_said, .primary_obeyed = primary_obeyed,
    };
    server_add_hooks(server, &following->hooks);
    replication->following = following;
    return following;
}

void following_free(struct following **place) {
    struct following *following = *place;
    if (!following) return;
    *place = NULL;
    following->replication->upstream = NULL;
    following->replication->persistence->synced_state = NULL;
    upstream_free(&following->upstream);
    handover_free(&following->handover);
    own_keys_free(&following->own_keys);
    synced_offset_fini(&following->synced);
    mem_free(following);
}

void following_start(struct following *following) {
    following->has_started = true;
    if (!following->settings.replicaof.count) return;
    struct slice rest = slice_text(following->settings.replicaof.items[0].text), host, port;
    int64_t number = 0;
    CHECK(slice_split(&rest, ' ', &host) && slice_split(&rest, ' ', &port) && number_parse_int(port, &number));
    char *name = slice_to_text(host);
    follow(following, name, (int)number, false);
    following->can_resume = following->has_found;
    if (guard_is_fenced(following->replication->guard)) upstream_suspend(following->upstream);
    mem_free(name);
}
