#include "store/persist/persistence.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/observe/info.h"
#include "store/keyspace/databases.h"

#include <limits.h>

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

static const struct param rows[] = {
#define PARAM(name, field, type, ...) PARAM_ROW(struct persist_settings, name, field, type, __VA_ARGS__)
#include "store/persist/persist_param.def"
#undef PARAM
};

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

static enum server_verdict refuse(void *context, struct client *client, const struct command_entry *entry) {
    const struct persistence *persistence = context;
    if (UNLIKELY(persistence->server->is_loading) && !(entry->flags & COMMAND_LOADING))
        return say_no(client, entry, "LOADING", "Redis is loading the dataset in memory");
    if (LIKELY(!saving_is_failing(persistence->saving)) || !persistence->settings.stop_writes) return SERVER_GO_ON;
    if (client->flags & CLIENT_IS_PRIMARY || (!writes(client, entry) && strcmp(entry->name, "ping") != 0)) return SERVER_GO_ON;
    return say_no(client, entry, "MISCONF",
                  "Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may "
                  "modify the data set are disabled, because this instance is configured to report errors during writes if RDB "
                  "snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the "
                  "RDB error.");
}

/* ---- time and the end ---- */

static void cron(void *context, int64_t now_ms) {
    saving_cron(((struct persistence *)context)->saving);
}

static bool finish(void *context, unsigned flags, struct error *err) {
    struct persistence *persistence = context;
    saving_kill(persistence->saving);
    bool wanted = flags & SERVER_SHUTDOWN_SAVE || (saving_has_points(persistence->saving) && !(flags & SERVER_SHUTDOWN_NOSAVE));
    if (!wanted) return true;
    LOG_WRITE(LOG_NOTICE, "Saving the final RDB snapshot before exiting.");
    return saving_now(persistence->saving, err);
}

static void reset_stats(void *context) {
    saving_reset_stats(((struct persistence *)context)->saving);
}

/* ---- INFO ---- */

static void count(void *context) {
    struct persistence *persistence = context;
    child_get_state(persistence->child, &persistence->forked);
    saving_get_state(persistence->saving, &persistence->saved);
    loading_get_state(persistence->loading, &persistence->loaded);
}

/* Only while something is being loaded. */
static void print_loading(void *context, struct bytes *out) {
    const struct persistence *persistence = context;
    const struct loading_state *state = &persistence->loaded;
    if (!persistence->server->is_loading) return;
    bytes_add_printf(out, "loading_start_time:%lld\r\nloading_total_bytes:%llu\r\nloading_rdb_used_mem:%llu\r\n",
                     (long long)state->start_wall_s, (unsigned long long)state->total_bytes,
                     (unsigned long long)state->file_memory_bytes);
    bytes_add_printf(out, "loading_loaded_bytes:%llu\r\nloading_loaded_perc:%.2f\r\nloading_eta_seconds:%lld\r\n",
                     (unsigned long long)state->loaded_bytes,
                     state->total_bytes ? (double)state->loaded_bytes * 100 / (double)state->total_bytes : 0.0,
                     (long long)state->eta_s);
}

/* ---- life ---- */

static void leave(struct loop_task *task) {
    loop_stop(container_of(task, struct persistence, leave)->server->loop);
}

struct persistence *persistence_new(struct server *server, struct databases *databases, const struct evictor *evictor) {
    struct persistence *persistence = mem_zalloc(sizeof *persistence);
    persistence->server = server;
    params_add(server->params, rows, COUNT_OF(rows), &persistence->settings);
    persistence->child = child_new(server);
    persistence->saving = saving_new(server, databases, evictor, &persistence->settings, persistence->child);
    persistence->loading = loading_new(server, databases, &persistence->settings);
    persistence->hooks = (struct server_hooks){
        .context = persistence, .refuse = refuse, .cron = cron, .shutdown_finish = finish, .reset_stats = reset_stats};
    loop_task_init(&persistence->leave, leave);
    server_add_hooks(server, &persistence->hooks);
    info_before(server->info, "persistence", count, persistence);
    info_before(server->info, "stats", count, persistence);
    info_add_lines(server->info, "persistence", print_loading, persistence);
    return persistence;
}

void persistence_free(struct persistence **place) {
    struct persistence *persistence = *place;
    if (!persistence) return;
    *place = NULL;
    saving_free(&persistence->saving);
    child_free(&persistence->child);
    loading_free(&persistence->loading);
    mem_free(persistence);
}

bool persistence_start(struct persistence *persistence, struct error *err) {
    struct server *server = persistence->server;
    if (loading_run(persistence->loading, true, false, err) == LOADING_FAILED)
        return error_prefix(err, "The data can't be loaded (kvd-check-rdb tells more)");
    if (server_shutdown_state(server) == SERVER_SHUTDOWN_DONE) loop_task_post(server->loop, &persistence->leave);
    return true;
}

void persistence_flushed(struct persistence *persistence) {
    struct error err;
    saving_kill(persistence->saving);
    if (saving_has_points(persistence->saving) && !saving_now(persistence->saving, &err))
        LOG_WRITE(LOG_WARNING, "The dump file still holds what was flushed");
}
