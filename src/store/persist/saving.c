#include "store/persist/saving.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/server.h"
#include "store/keyspace/databases.h"
#include "store/keyspace/evict.h"
#include "store/persist/persistence.h"
#include "store/persist/rdb_file.h"
#include "store/persist/rdb_save.h"

enum { RETRY_S = 5 }; /* after a failure */

struct saving {
    struct server                 *server;
    struct databases              *databases;
    const struct evictor          *evictor;
    const struct persist_settings *settings;
    struct child                  *child; /* persistence's */
    bool                           is_scheduled, last_is_good;
    int64_t                        last_wall_s, tried_ms, started_ms, last_seconds;
    uint64_t                       dirty_before, saves, last_cow_bytes;
    char                          *path; /* that the running child writes; NULL: none runs */
    saving_on_end                 *told; /* NULL: nobody waits for its end */
    void                          *told_context;
    void (*get_place)(void *context, struct rdb_place *place); /* NULL: nobody knows */
    void                          *place_context;
};

struct saving *saving_new(struct server *server, struct databases *databases, const struct evictor *evictor,
                          const struct persist_settings *settings, struct child *child) {
    struct saving *saving = mem_zalloc(sizeof *saving);
    *saving = (struct saving){.server = server,
                              .databases = databases,
                              .evictor = evictor,
                              .settings = settings,
                              .child = child,
                              .last_is_good = true,
                              .last_seconds = -1,
                              .last_wall_s = server->started_wall_ms / 1000};
    return saving;
}

void saving_free(struct saving **place) {
    struct saving *saving = *place;
    if (!saving) return;
    *place = NULL;
    saving->told = NULL;
    saving_kill(saving);
    mem_free(saving);
}

/* ---- one save ---- */

struct telling {
    struct child_pipe *pipe; /* NULL: nobody is told */
};

static bool tell(void *context, uint64_t keys) {
    struct telling *telling = context;
    if (telling->pipe) child_tell(telling->pipe, keys);
    return true;
}

/* What the policy of eviction goes by is worth keeping. */
enum rdb_save_usage saving_usage(const struct evictor *evictor) {
    if (evictor_counts_uses(evictor)) return RDB_SAVE_COUNT;
    return strstr(evictor_policy_name(evictor), "lru") ? RDB_SAVE_IDLE : RDB_SAVE_NO_USAGE;
}

static bool write_file(struct saving *saving, const char *path, struct child_pipe *pipe, struct error *err) {
    const struct persist_settings *settings = saving->settings;
    struct telling telling = {pipe};
    struct rdb_save save = {.usage = saving_usage(saving->evictor),
                            .server_version = saving->server->version,
                            .wall_s = clock_wall_ms() / 1000,
                            .used_memory = mem_used(),
                            .progress = tell,
                            .context = &telling};
    if (saving->get_place) saving->get_place(saving->place_context, &save.place);
    struct rdb_file_options options = {.compress = settings->compress,
                                       .checksum = settings->checksum,
                                       .incremental_sync = settings->incremental_sync};
    return rdb_file_save(path, saving->databases, &save, &options, err);
}

bool saving_now(struct saving *saving, struct error *err) {
    saving->saves++;
    if (!write_file(saving, saving->settings->dbfilename, NULL, err)) {
        LOG_WRITE(LOG_WARNING, "Saving failed: %s", err ? err->text : "see above");
        return false;
    }
    LOG_WRITE(LOG_NOTICE, "DB saved on disk");
    saving->server->dirty = 0;
    saving->last_wall_s = clock_wall_ms() / 1000;
    saving->last_is_good = true;
    return true;
}

/* ---- in the background ---- */

static bool save_in_child(void *context, struct child_pipe *pipe, struct error *err) {
    struct saving *saving = context;
    const char *cpus = saving->settings->bgsave_cpulist;
    struct error cpu_err;
    if (*cpus && !daemon_set_cpus(cpus, &cpu_err)) LOG_WRITE(LOG_WARNING, "%s", cpu_err.text);
    return write_file(saving, saving->path, pipe, err);
}

static void tell_end(struct saving *saving, bool is_good) {
    saving_on_end *told = saving->told;
    char *path = saving->path;
    saving->told = NULL;
    saving->path = NULL;
    if (told) told(saving->told_context, is_good ? path : NULL);
    mem_free(path);
}

static void note(struct saving *saving, enum child_verdict verdict, long pid, const char *why) {
    struct child_state state;
    child_get_state(saving->child, &state);
    saving->last_cow_bytes = state.last_cow_bytes;
    saving->last_seconds = (saving->server->now_ms - saving->started_ms) / 1000;
    switch (verdict) {
    case CHILD_SUCCEEDED:
        saving->server->dirty -= MIN(saving->dirty_before, saving->server->dirty);
        saving->last_wall_s = saving->server->wall_ms / 1000;
        saving->last_is_good = true;
        LOG_WRITE(LOG_NOTICE, "Background saving terminated with success; %llu MB were copied meanwhile",
                  (unsigned long long)(state.last_cow_bytes >> 20));
        return;
    case CHILD_FAILED:
        saving->last_is_good = false;
        rdb_file_remove_temporary(pid);
        LOG_WRITE(LOG_WARNING, "Background saving error: %s", why);
        return;
    case CHILD_KILLED: rdb_file_remove_temporary(pid); return;
    }
    UNREACHABLE("a verdict of a child");
}

static void on_end(void *context, enum child_verdict verdict, long pid, const char *why) {
    note(context, verdict, pid, why);
    tell_end(context, verdict == CHILD_SUCCEEDED);
}

bool saving_start(struct saving *saving, struct error *err) {
    saving->saves++;
    saving->is_scheduled = false;
    saving->dirty_before = saving->server->dirty;
    saving->tried_ms = saving->started_ms = saving->server->now_ms;
    saving->path = mem_strdup(saving->settings->dbfilename);
    struct child_job job = {.purpose = CHILD_SAVES,
                            .title = "kvd-rdb-bgsave",
                            .total = databases_keys(saving->databases),
                            .work = save_in_child,
                            .on_end = on_end,
                            .context = saving};
    if (child_start(saving->child, &job, err)) {
        LOG_WRITE(LOG_NOTICE, "Background saving started by pid %ld", child_pid(saving->child));
        return true;
    }
    tell_end(saving, false); /* nobody waits yet: saving->path is let go */
    saving->last_is_good = false;
    LOG_WRITE(LOG_WARNING, "Can't save in background: %s", err ? err->text : "see above");
    return false;
}

bool saving_start_for(struct saving *saving, saving_on_end *told, void *context, struct error *err) {
    if (!saving_start(saving, err)) return false;
    saving_tell_end(saving, told, context);
    return true;
}

void saving_tell_end(struct saving *saving, saving_on_end *told, void *context) {
    CHECK(!told || saving_is_running(saving));
    CHECK(!told || !saving->told);
    saving->told = told;
    saving->told_context = context;
}

bool saving_find_place(const struct saving *saving, struct rdb_place *place) {
    *place = (struct rdb_place){0};
    if (saving->get_place) saving->get_place(saving->place_context, place);
    return *place->id != 0;
}

void saving_set_place(struct saving *saving, void (*get)(void *context, struct rdb_place *place), void *context) {
    saving->get_place = get;
    saving->place_context = context;
}

const char *saving_path(const struct saving *saving) {
    return saving->path ? saving->path : saving->settings->dbfilename;
}

bool saving_is_running(const struct saving *saving) {
    return child_purpose(saving->child) == CHILD_SAVES;
}

void saving_kill(struct saving *saving) {
    if (saving_is_running(saving)) child_kill(saving->child);
}

/* ---- when ---- */

void saving_schedule(struct saving *saving) {
    saving->is_scheduled = true;
}

bool saving_unschedule(struct saving *saving) {
    bool was = saving->is_scheduled;
    saving->is_scheduled = false;
    return was;
}

bool saving_has_points(const struct saving *saving) {
    return saving->settings->save.count > 0;
}

/* "3600 1" */
static bool is_due(const struct saving *saving, const char *point, uint64_t *changes, int64_t *seconds) {
    struct slice rest = slice_text(point), part;
    CHECK(slice_split(&rest, ' ', &part) && number_parse_int(part, seconds));
    CHECK(slice_split(&rest, ' ', &part) && number_parse_uint(part, changes));
    return saving->server->dirty >= *changes && saving->server->wall_ms / 1000 - saving->last_wall_s > *seconds;
}

void saving_cron(struct saving *saving) {
    struct error err;
    uint64_t changes;
    int64_t seconds;
    if (child_is_running(saving->child) || saving->server->is_loading) return;
    if (!saving->last_is_good && saving->server->now_ms - saving->tried_ms <= RETRY_S * 1000) return;
    for (size_t i = 0; i < saving->settings->save.count; i++) {
        if (!is_due(saving, saving->settings->save.items[i].text, &changes, &seconds)) continue;
        LOG_WRITE(LOG_NOTICE, "%llu changes in %lld seconds. Saving...", (unsigned long long)changes, (long long)seconds);
        if (!saving_start(saving, &err)) saving->is_scheduled = true; /* with the delay of a failure */
        return;
    }
    if (saving->is_scheduled && !saving_start(saving, &err)) saving->is_scheduled = true;
}

bool saving_is_failing(const struct saving *saving) {
    return !saving->last_is_good && saving_has_points(saving);
}

void saving_get_state(const struct saving *saving, struct saving_state *state) {
    bool runs = saving_is_running(saving);
    *state = (struct saving_state){.last_wall_s = saving->last_wall_s,
                                   .last_is_good = saving->last_is_good,
                                   .last_seconds = saving->last_seconds,
                                   .running_seconds = runs ? (saving->server->now_ms - saving->started_ms) / 1000 : -1,
                                   .saves = saving->saves,
                                   .last_cow_bytes = saving->last_cow_bytes};
}

void saving_reset_stats(struct saving *saving) {
    saving->saves = 0;
}
