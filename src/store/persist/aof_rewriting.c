#include "store/persist/aof_rewriting.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/server.h"
#include "store/keyspace/databases.h"
#include "store/persist/aof.h"
#include "store/persist/aof_commands_out.h"
#include "store/persist/child.h"
#include "store/persist/persistence.h"
#include "store/persist/rdb_file.h"
#include "store/persist/rdb_save.h"

#include <stdio.h>
#include <unistd.h>

/* After so many failures in a row the next try waits: a minute, then twice as long each time, up to an hour. */
enum { FAILURES_BEFORE_DELAY = 3, DELAY_MAX_MINUTES = 60 };

struct aof_rewriting {
    struct server                 *server;
    struct databases              *databases;
    const struct evictor          *evictor;
    const struct persist_settings *settings;
    struct child                  *child;
    struct aof                    *aof;
    bool                           is_scheduled, last_is_good;
    bool                           is_rdb; /* what the running child writes */
    int64_t                        last_seconds, started_ms;
    uint64_t                       rewrites, failures, last_cow_bytes;
    int64_t                        delay_minutes, delayed_until_ms; /* 0: there is no delay */
};

struct aof_rewriting *aof_rewriting_new(struct server *server, struct databases *databases, const struct evictor *evictor,
                                        const struct persist_settings *settings, struct child *child, struct aof *aof) {
    struct aof_rewriting *rewriting = mem_zalloc(sizeof *rewriting);
    *rewriting = (struct aof_rewriting){.server = server,
                                        .databases = databases,
                                        .evictor = evictor,
                                        .settings = settings,
                                        .child = child,
                                        .aof = aof,
                                        .last_is_good = true,
                                        .last_seconds = -1};
    return rewriting;
}

void aof_rewriting_free(struct aof_rewriting **place) {
    struct aof_rewriting *rewriting = *place;
    if (!rewriting) return;
    *place = NULL;
    if (aof_rewriting_is_running(rewriting)) child_kill(rewriting->child);
    mem_free(rewriting);
}

/* ---- the base ---- */

static void base_name(char *name, size_t size, long pid) {
    snprintf(name, size, "temp-rewriteaof-bg-%ld.aof", pid);
}

static void remove_temporary(long pid) {
    char name[64];
    base_name(name, sizeof name, pid);
    (void)unlink(name);
    rdb_file_remove_temporary(pid);
}

static bool tell(void *context, uint64_t keys) {
    if (context) child_tell(context, keys);
    return true;
}

static bool write_rdb_base(const struct aof_rewriting *rewriting, const char *name, struct child_pipe *pipe,
                           struct error *err) {
    const struct persist_settings *settings = rewriting->settings;
    struct rdb_save save = {.usage = saving_usage(rewriting->evictor),
                            .is_aof_base = true,
                            .server_version = rewriting->server->version,
                            .wall_s = clock_wall_ms() / 1000,
                            .used_memory = mem_used(),
                            .progress = tell,
                            .context = pipe};
    struct rdb_file_options options = {.compress = settings->compress,
                                       .checksum = settings->checksum,
                                       .incremental_sync = settings->aof_rewrite_incremental_fsync};
    return rdb_file_save(name, rewriting->databases, &save, &options, err);
}

struct commands {
    const struct aof_rewriting *rewriting;
    struct child_pipe          *pipe;
};

static bool write_commands(void *context, struct rdb_out *out) {
    const struct commands *commands = context;
    if (commands->rewriting->settings->aof_timestamp_enabled) {
        char text[64];
        int size = snprintf(text, sizeof text, "#TS:%lld\r\n", (long long)(clock_wall_ms() / 1000));
        rdb_out_bytes(out, text, (size_t)size);
    }
    return aof_commands_out_all(out, commands->rewriting->databases, tell, commands->pipe);
}

static bool write_base(const struct aof_rewriting *rewriting, struct child_pipe *pipe, struct error *err) {
    char name[64];
    base_name(name, sizeof name, (long)getpid());
    if (rewriting->is_rdb) return write_rdb_base(rewriting, name, pipe, err);
    struct commands commands = {rewriting, pipe};
    return rdb_file_save_other(name, write_commands, &commands, rewriting->settings->aof_rewrite_incremental_fsync, err);
}

static bool rewrite_in_child(void *context, struct child_pipe *pipe, struct error *err) {
    const struct aof_rewriting *rewriting = context;
    const char *cpus = rewriting->settings->aof_rewrite_cpulist;
    struct error cpu_err;
    if (*cpus && !daemon_set_cpus(cpus, &cpu_err)) LOG_WRITE(LOG_WARNING, "%s", cpu_err.text);
    return write_base(rewriting, pipe, err);
}

static bool take_base(struct aof_rewriting *rewriting, long pid, struct error *err) {
    char name[64];
    base_name(name, sizeof name, pid);
    return aof_take_base(rewriting->aof, name, rewriting->is_rdb, err);
}

bool aof_rewriting_make_base(struct aof_rewriting *rewriting, struct error *err) {
    rewriting->is_rdb = rewriting->settings->aof_use_rdb_preamble;
    if (!aof_begin_part(rewriting->aof, err)) return false;
    if (write_base(rewriting, NULL, err) && take_base(rewriting, (long)getpid(), err)) return true;
    remove_temporary((long)getpid());
    return error_prefix(err, "can't make the base of the append-only file");
}

/* ---- one rewrite ---- */

static void note_success(struct aof_rewriting *rewriting) {
    rewriting->last_is_good = true;
    rewriting->failures = 0;
    rewriting->delay_minutes = rewriting->delayed_until_ms = 0;
    LOG_WRITE(LOG_NOTICE, "Background AOF rewrite finished successfully; %llu MB were copied meanwhile",
              (unsigned long long)(rewriting->last_cow_bytes >> 20));
}

static void note_failure(struct aof_rewriting *rewriting, const char *why) {
    rewriting->last_is_good = false;
    rewriting->failures++;
    LOG_WRITE(LOG_WARNING, "Background AOF rewrite failed; the append-only file is as it was: %s", why);
}

static void on_end(void *context, enum child_verdict verdict, long pid, const char *why) {
    struct aof_rewriting *rewriting = context;
    struct child_state state;
    struct error err;
    child_get_state(rewriting->child, &state);
    rewriting->last_cow_bytes = state.last_cow_bytes;
    rewriting->last_seconds = (rewriting->server->now_ms - rewriting->started_ms) / 1000;
    if (verdict == CHILD_SUCCEEDED && take_base(rewriting, pid, &err)) note_success(rewriting);
    else if (verdict != CHILD_KILLED) note_failure(rewriting, verdict == CHILD_SUCCEEDED ? err.text : why);
    remove_temporary(pid); /* it is gone where all went well */
    if (aof_state(rewriting->aof) != AOF_WAITS) return;
    aof_drop_part(rewriting->aof);
    rewriting->is_scheduled = true;
}

static bool start_child(struct aof_rewriting *rewriting, struct error *err) {
    struct child_job job = {.purpose = CHILD_REWRITES,
                            .title = "kvd-aof-rewrite",
                            .total = databases_keys(rewriting->databases),
                            .work = rewrite_in_child,
                            .on_end = on_end,
                            .context = rewriting};
    rewriting->is_rdb = rewriting->settings->aof_use_rdb_preamble;
    rewriting->started_ms = rewriting->server->now_ms;
    return child_start(rewriting->child, &job, err);
}

bool aof_rewriting_start(struct aof_rewriting *rewriting, struct error *err) {
    rewriting->is_scheduled = false;
    rewriting->rewrites++;
    if (aof_begin_part(rewriting->aof, err) && start_child(rewriting, err)) {
        LOG_WRITE(LOG_NOTICE, "Background append only file rewriting started by pid %ld", child_pid(rewriting->child));
        return true;
    }
    aof_drop_part(rewriting->aof);
    note_failure(rewriting, err->text);
    return false;
}

bool aof_rewriting_is_running(const struct aof_rewriting *rewriting) {
    return child_purpose(rewriting->child) == CHILD_REWRITES;
}

void aof_rewriting_cancel(struct aof_rewriting *rewriting) {
    if (aof_rewriting_is_running(rewriting)) child_kill(rewriting->child);
    rewriting->is_scheduled = false;
}

/* ---- when ---- */

void aof_rewriting_schedule(struct aof_rewriting *rewriting) {
    rewriting->is_scheduled = true;
    rewriting->failures = 0;
    rewriting->delay_minutes = rewriting->delayed_until_ms = 0;
}

/* It failed again and again: it is tried, but less and less often. */
static bool is_delayed(struct aof_rewriting *rewriting) {
    int64_t now_ms = rewriting->server->now_ms;
    if (rewriting->failures < FAILURES_BEFORE_DELAY) return false;
    if (rewriting->delayed_until_ms && now_ms >= rewriting->delayed_until_ms) {
        rewriting->delayed_until_ms = 0; /* now; and when that fails too, after a longer while */
        return false;
    }
    if (rewriting->delayed_until_ms) return true;
    rewriting->delay_minutes = rewriting->delay_minutes ? MIN(rewriting->delay_minutes * 2, DELAY_MAX_MINUTES) : 1;
    rewriting->delayed_until_ms = now_ms + rewriting->delay_minutes * 60 * 1000;
    LOG_WRITE(LOG_WARNING, "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in %lld minutes",
              (long long)rewriting->delay_minutes);
    return true;
}

/* In percent, where that is enough for a rewrite; else -1. */
static int64_t growth_that_counts(const struct aof_rewriting *rewriting) {
    const struct persist_settings *settings = rewriting->settings;
    struct aof_info info;
    aof_get_info(rewriting->aof, &info);
    if (!settings->auto_aof_rewrite_percentage || info.size <= settings->auto_aof_rewrite_min_size) return -1;
    double growth = (double)info.size * 100 / (double)MAX(info.base_size, 1) - 100;
    return growth >= (double)settings->auto_aof_rewrite_percentage ? (int64_t)MIN(growth, 1e15) : -1;
}

static bool is_wanted(struct aof_rewriting *rewriting) {
    if (rewriting->is_scheduled) return !is_delayed(rewriting);
    if (aof_state(rewriting->aof) != AOF_ON || aof_failure(rewriting->aof)) return false;
    bool has_gap = aof_has_gap(rewriting->aof);
    int64_t growth = growth_that_counts(rewriting);
    if ((!has_gap && growth < 0) || is_delayed(rewriting)) return false;
    if (has_gap) LOG_WRITE(LOG_WARNING, "An fsync of the append-only file had failed: it is rewritten, as some of it may not be on the disk");
    else LOG_WRITE(LOG_NOTICE, "Starting automatic rewriting of AOF on %lld%% growth", (long long)growth);
    return true;
}

void aof_rewriting_cron(struct aof_rewriting *rewriting) {
    struct error err;
    if (child_is_running(rewriting->child) || rewriting->server->is_loading || !is_wanted(rewriting)) return;
    bool waits = rewriting->is_scheduled;
    if (!aof_rewriting_start(rewriting, &err)) rewriting->is_scheduled = waits;
}

/* ---- on and off ---- */

bool aof_rewriting_switch_on(struct aof_rewriting *rewriting, bool later, struct error *err) {
    if (aof_state(rewriting->aof) != AOF_OFF) return true;
    /* One that runs was begun while nobody took what came after its fork. */
    aof_rewriting_cancel(rewriting);
    aof_wait_for_base(rewriting->aof);
    if (later || child_is_running(rewriting->child)) {
        aof_rewriting_schedule(rewriting);
        LOG_WRITE(LOG_NOTICE, "AOF was enabled but there is already another background operation. An AOF background was scheduled "
                              "to start when possible.");
        return true;
    }
    if (aof_rewriting_start(rewriting, err)) return true;
    aof_close(rewriting->aof);
    return false;
}

void aof_rewriting_switch_off(struct aof_rewriting *rewriting) {
    if (aof_state(rewriting->aof) == AOF_OFF) return;
    aof_close(rewriting->aof);
    aof_rewriting_cancel(rewriting);
}

void aof_rewriting_get_info(const struct aof_rewriting *rewriting, struct aof_rewriting_info *info) {
    bool runs = aof_rewriting_is_running(rewriting);
    *info = (struct aof_rewriting_info){.is_scheduled = rewriting->is_scheduled,
                                        .last_is_good = rewriting->last_is_good,
                                        .last_seconds = rewriting->last_seconds,
                                        .running_seconds = runs ? (rewriting->server->now_ms - rewriting->started_ms) / 1000 : -1,
                                        .rewrites = rewriting->rewrites,
                                        .failures = rewriting->failures,
                                        .last_cow_bytes = rewriting->last_cow_bytes};
}

void aof_rewriting_reset_stats(struct aof_rewriting *rewriting) {
    rewriting->rewrites = 0;
}
