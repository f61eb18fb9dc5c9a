#include "store/persist/persistence.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/config/core_settings.h"
#include "core/observe/info.h"
#include "store/keyspace/databases.h"
#include "store/persist/aof_folder.h"
#include "store/persist/aof_load.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { TELL_EVERY_MS = 10000 };

/* ---- parameters ---- */

static const struct param_choice persist_sanitize_choices[] = {
    {"no", PERSIST_SANITIZE_NO}, {"yes", PERSIST_SANITIZE_YES}, {"clients", PERSIST_SANITIZE_CLIENTS}, {NULL, 0}};

static bool check_save(const struct param *row, struct param_values *values, struct error *err) {
    for (size_t i = 0; i < values->count; i++) {
        struct slice rest = slice_text(values->items[i].text), seconds, changes;
        int64_t first, second;
        if (!slice_split(&rest, ' ', &seconds) || !slice_split(&rest, ' ', &changes) || rest.data ||
            !number_parse_int(seconds, &first) || !number_parse_int(changes, &second) || first < 1 || second < 0 ||
            first > INT_MAX || second > INT_MAX)
            return error_set(err, "Invalid save parameters");
    }
    return true;
}

static bool check_dbfilename(const struct param *row, struct param_values *values, struct error *err) {
    const char *name = values->items[0].text;
    return (*name && !strchr(name, '/')) || error_set(err, "dbfilename can't be a path, just a filename");
}

static const struct param_choice appendfsync_choices[] = {
    {"always", AOF_FSYNC_ALWAYS}, {"everysec", AOF_FSYNC_EVERYSEC}, {"no", AOF_FSYNC_NO}, {NULL, 0}};

static const struct param_choice propagation_error_choices[] = {{"ignore", PERSIST_ERRORS_IGNORED},
                                                                {"panic", PERSIST_ERRORS_STOP},
                                                                {"panic-on-replicas", PERSIST_ERRORS_STOP_REPLICAS},
                                                                {NULL, 0}};

static bool check_name(const struct param_values *values, const char *what, const char *kind, struct error *err) {
    const char *name = values->items[0].text;
    if (!*name) return error_set(err, "%s can't be empty", what);
    if (strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return error_set(err, "%s can't be a path, just a %s", what, kind);
    return strlen(name) <= AOF_STEM_MAX || error_set(err, "%s must have at most %d bytes", what, AOF_STEM_MAX);
}

static bool check_appendfilename(const struct param *row, struct param_values *values, struct error *err) {
    return check_name(values, "appendfilename", "filename", err);
}

static bool check_appenddirname(const struct param *row, struct param_values *values, struct error *err) {
    return check_name(values, "appenddirname", "dirname", err);
}

static const struct param rows[] = {
#define PARAM(name, field, type, ...) PARAM_ROW(struct persist_settings, name, field, type, __VA_ARGS__)
#include "store/persist/persist_param.def"
#undef PARAM
};

/* ---- the append-only file on and off ---- */

static bool apply_appendonly(void *context, struct error *err) {
    struct persistence *persistence = context;
    struct error why;
    if (!persistence->settings.appendonly) {
        aof_rewriting_switch_off(persistence->rewriting);
        return true;
    }
    if (persistence->server->is_loading) return error_set(err, "The data is being loaded. Try again when that is done.");
    if (aof_rewriting_switch_on(persistence->rewriting, persistence->server->call_depth > 1, &why)) return true;
    return error_set(err, "Unable to turn on AOF. Check server logs.");
}

static bool apply_appendfsync(void *context, struct error *err) {
    aof_policy_changed(((struct persistence *)context)->aof);
    return true;
}

/* ---- refusals ---- */

static bool writes(const struct client *client, const struct command_entry *entry) {
    if (entry->flags & COMMAND_WRITE) return true;
    return entry->flags & COMMAND_ENDS_TRANSACTION && client->flags & CLIENT_MULTI_WRITES;
}

static enum server_verdict say_no(struct client *client, const struct command_entry *entry, const char *code, const char *why) {
    bool ends = (entry->flags & COMMAND_ENDS_TRANSACTION) != 0;
    reply_error_uncounted(client, "%s%s %s", ends ? "EXECABORT Transaction discarded because of: " : "", code, why);
    return SERVER_TAKEN;
}

static enum server_verdict say_no_file(struct client *client, const struct command_entry *entry, const char *why) {
    char text[256];
    snprintf(text, sizeof text, "Errors writing to the AOF file: %s", why);
    return say_no(client, entry, "MISCONF", text);
}

/* Our primary has executed it. A replica that cannot keep what it has would be promoted, and lose it: better that it is gone. */
static void obey_all_the_same(struct persistence *persistence, const char *why) {
    int64_t now_ms = persistence->server->now_ms;
    if (!persistence->settings.ignores_disk_errors) {
        LOG_WRITE(LOG_WARNING, "Replica was unable to write command to disk (%s; replica-ignore-disk-write-errors: yes goes on)", why);
        abort();
    }
    if (persistence->told_ms && now_ms - persistence->told_ms < TELL_EVERY_MS) return;
    persistence->told_ms = now_ms;
    LOG_WRITE(LOG_WARNING, "Replica is applying a command even though it is unable to write to disk: %s", why);
}

static enum server_verdict refuse(void *context, struct client *client, const struct command_entry *entry) {
    struct persistence *persistence = context;
    if (UNLIKELY(persistence->server->is_loading) && !(entry->flags & COMMAND_LOADING))
        return say_no(client, entry, "LOADING", "Redis is loading the dataset in memory");
    bool is_dump = UNLIKELY(saving_is_failing(persistence->saving)) && persistence->settings.stop_writes;
    const char *why = aof_failure(persistence->aof);
    if (LIKELY(!is_dump && !why)) return SERVER_GO_ON;
    if (client->flags & CLIENT_IS_PRIMARY) {
        if (writes(client, entry)) obey_all_the_same(persistence, why ? why : "the last save failed");
        return SERVER_GO_ON;
    }
    if (!writes(client, entry) && strcmp(entry->name, "ping") != 0) return SERVER_GO_ON;
    if (!is_dump) return say_no_file(client, entry, why);
    return say_no(client, entry, "MISCONF",
                  "Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may "
                  "modify the data set are disabled, because this instance is configured to report errors during writes if RDB "
                  "snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the "
                  "RDB error.");
}

/* ---- time and the end ---- */

static void cron(void *context, int64_t now_ms) {
    struct persistence *persistence = context;
    aof_flush(persistence->aof, false);
    aof_rewriting_cron(persistence->rewriting);
    saving_cron(persistence->saving);
}

static void before_sleep(void *context) {
    aof_flush(((struct persistence *)context)->aof, false);
}

static bool finish(void *context, unsigned flags, struct error *err) {
    struct persistence *persistence = context;
    if (aof_state(persistence->aof) == AOF_WAITS && !(flags & SERVER_SHUTDOWN_FORCE))
        return error_set(err, "the append-only file was switched on and is being written for the first time");
    if (aof_state(persistence->aof) == AOF_WAITS) aof_rewriting_switch_off(persistence->rewriting);
    aof_rewriting_cancel(persistence->rewriting);
    struct rdb_place place;
    if (saving_find_place(persistence->saving, &place)) aof_remark_place(persistence->aof, &place);
    if (!aof_finish(persistence->aof, err)) return false;
    saving_kill(persistence->saving);
    bool wanted = flags & SERVER_SHUTDOWN_SAVE || (saving_has_points(persistence->saving) && !(flags & SERVER_SHUTDOWN_NOSAVE));
    if (!wanted) return true;
    LOG_WRITE(LOG_NOTICE, "Saving the final RDB snapshot before exiting.");
    return saving_now(persistence->saving, err);
}

static void reset_stats(void *context) {
    struct persistence *persistence = context;
    saving_reset_stats(persistence->saving);
    aof_rewriting_reset_stats(persistence->rewriting);
    aof_reset_stats(persistence->aof);
}

/* ---- INFO ---- */

static void count(void *context) {
    struct persistence *persistence = context;
    child_get_state(persistence->child, &persistence->forked);
    saving_get_state(persistence->saving, &persistence->saved);
    loading_get_state(persistence->loading, &persistence->loaded);
    if (persistence->synced_state) persistence->synced_state(persistence->synced_context, &persistence->loaded);
    aof_get_info(persistence->aof, &persistence->appended);
    aof_rewriting_get_info(persistence->rewriting, &persistence->rewritten);
}

/* Only while there is an append-only file. */
static void print_aof(void *context, struct bytes *out) {
    const struct persistence *persistence = context;
    const struct aof_info *info = &persistence->appended;
    if (aof_state(persistence->aof) == AOF_OFF) return;
    bytes_add_printf(out, "aof_current_size:%llu\r\naof_base_size:%llu\r\naof_pending_rewrite:%d\r\n",
                     (unsigned long long)info->size, (unsigned long long)info->base_size,
                     persistence->rewritten.is_scheduled);
    bytes_add_printf(out, "aof_buffer_length:%zu\r\naof_pending_bio_fsync:%zu\r\naof_delayed_fsync:%llu\r\n",
                     info->buffered, info->pending_syncs, (unsigned long long)info->delayed_syncs);
}

/* Only while something is being loaded. Where the size is unknown what the data took where it comes from is a (bad) estimate. */
static void print_loading(void *context, struct bytes *out) {
    const struct persistence *persistence = context;
    const struct loading_state *state = &persistence->loaded;
    if (!state->start_wall_s) return;
    uint64_t loaded = state->loaded_bytes, total = state->total_bytes ? state->total_bytes : state->file_memory_bytes;
    double percent = total ? (double)loaded * 100 / (double)total : 0.0;
    if (!state->total_bytes) percent = MIN(percent, 99.99);
    uint64_t left = MAX(total - MIN(total, loaded), 1);
    double elapsed_s = (double)state->elapsed_us / 1e6;
    bytes_add_printf(out, "loading_start_time:%lld\r\nloading_total_bytes:%llu\r\nloading_rdb_used_mem:%llu\r\n",
                     (long long)state->start_wall_s, (unsigned long long)state->total_bytes,
                     (unsigned long long)state->file_memory_bytes);
    bytes_add_printf(out, "loading_loaded_bytes:%llu\r\nloading_loaded_perc:%.2f\r\nloading_eta_seconds:%lld\r\n",
                     (unsigned long long)loaded, percent, loaded ? (long long)(elapsed_s * (double)left / (double)loaded) : 1LL);
}

/* ---- life ---- */

static void leave(struct loop_task *task) {
    loop_stop(container_of(task, struct persistence, leave)->server->loop);
}

/* The last moment when there is a loop. Commands that came after the shutdown was asked for are written now. */
static void server_freed(void *context) {
    struct persistence *persistence = context;
    aof_rewriting_free(&persistence->rewriting);
    aof_free(&persistence->aof);
    aof_waits_free(&persistence->waits);
}

struct persistence *persistence_new(struct server *server, struct databases *databases, const struct evictor *evictor,
                                    struct effects *effects, aof_find_offset *find_offset) {
    struct persistence *persistence = mem_zalloc(sizeof *persistence);
    persistence->server = server;
    params_add(server->params, rows, COUNT_OF(rows), &persistence->settings);
    persistence->child = child_new(server);
    persistence->saving = saving_new(server, databases, evictor, &persistence->settings, persistence->child);
    persistence->loading = loading_new(server, databases, &persistence->settings);
    persistence->aof = aof_new(server, effects, &persistence->settings, persistence->child, find_offset);
    persistence->rewriting =
        aof_rewriting_new(server, databases, evictor, &persistence->settings, persistence->child, persistence->aof);
    persistence->waits = aof_waits_new(server, persistence->aof, find_offset);
    params_bind(server->params, "appendonly", (struct param_binding){.apply = apply_appendonly}, persistence);
    params_bind(server->params, "appendfsync", (struct param_binding){.apply = apply_appendfsync}, persistence);
    persistence->hooks = (struct server_hooks){
        .context = persistence, .refuse = refuse, .cron = cron, .shutdown_finish = finish, .reset_stats = reset_stats};
    loop_task_init(&persistence->leave, leave);
    server_add_hooks(server, &persistence->hooks);
    info_before(server->info, "persistence", count, persistence);
    info_before(server->info, "stats", count, persistence);
    info_add_lines(server->info, "persistence", print_aof, persistence);
    info_add_lines(server->info, "persistence", print_loading, persistence);
    return persistence;
}

void persistence_free(struct persistence **place) {
    struct persistence *persistence = *place;
    if (!persistence) return;
    *place = NULL;
    server_freed(persistence); /* where there was no server_free() */
    saving_free(&persistence->saving);
    child_free(&persistence->child);
    loading_free(&persistence->loading);
    mem_free(persistence);
}

void persistence_hook_in(struct persistence *persistence) {
    persistence->late_hooks = (struct server_hooks){.context = persistence, .before_sleep = before_sleep, .server_freed = server_freed};
    server_add_hooks(persistence->server, &persistence->late_hooks);
}

/* ---- at the start ---- */

static bool load_dump(struct persistence *persistence, struct error *err) {
    if (loading_run(persistence->loading, true, false, err) != LOADING_FAILED) return true;
    return error_prefix(err, "The data can't be loaded (kvd-check-rdb tells more)");
}

static bool is_shut_down(const struct persistence *persistence) {
    return server_shutdown_state(persistence->server) == SERVER_SHUTDOWN_DONE;
}

/* There is no append-only file: it begins with what the dump file says, if there is one. Other servers begin with nothing
 * then, which has cost many an operator who switched it on in the file their data. */
static bool begin_file(struct persistence *persistence, struct error *err) {
    if (!load_dump(persistence, err)) return false;
    if (is_shut_down(persistence)) return true;
    return aof_rewriting_make_base(persistence->rewriting, err) && aof_open(persistence->aof, 0, 0, err);
}

static bool load_file(struct persistence *persistence, struct error *err) {
    const struct persist_settings *settings = &persistence->settings;
    struct aof_load_options options = {.folder = settings->appenddirname,
                                       .stem = settings->appendfilename,
                                       .may_be_short = settings->aof_load_truncated,
                                       .serves = true};
    struct aof_loaded loaded;
    enum loading_result result = aof_load_run(persistence->loading, &options, &loaded, err);
    if (result == LOADING_FAILED) return error_prefix(err, "The data can't be loaded (kvd-check-aof tells more)");
    aof_folder_found(aof_folder_of(persistence->aof), &loaded.manifest);
    if (result == LOADING_ABSENT) return begin_file(persistence, err);
    if (is_shut_down(persistence)) return true;
    if (!aof_open(persistence->aof, loaded.all_bytes, loaded.base_bytes, err)) return false;
    aof_folder_remove_history(aof_folder_of(persistence->aof));
    return true;
}

bool persistence_start(struct persistence *persistence, struct error *err) {
    struct server *server = persistence->server;
    if (!(persistence->settings.appendonly ? load_file(persistence, err) : load_dump(persistence, err))) return false;
    if (server_shutdown_state(server) == SERVER_SHUTDOWN_DONE) loop_task_post(server->loop, &persistence->leave);
    return true;
}

void persistence_flushed(struct persistence *persistence) {
    struct error err;
    saving_kill(persistence->saving);
    if (saving_has_points(persistence->saving) && !saving_now(persistence->saving, &err))
        LOG_WRITE(LOG_WARNING, "The dump file still holds what was flushed");
}
