#include "store/persist/aof.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/client/client_hold.h"
#include "core/observe/latency.h"
#include "core/server.h"
#include "store/effects/effects.h"
#include "store/persist/aof_append.h"
#include "store/persist/aof_folder.h"
#include "store/persist/aof_sync.h"
#include "store/persist/child.h"
#include "store/persist/persistence.h"
#include "store/persist/rdb_save.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SYNC_EVERY_MS = 1000, RETRY_MS = 100, POSTPONE_MS = 2000, LOG_EVERY_MS = 30000, BUFFER_KEEP_BYTES = 1024 * 1024 };

struct aof {
    struct server                 *server;
    struct effects                *effects;
    const struct persist_settings *settings;
    const struct child            *child;
    aof_find_offset               *find_offset;
    struct effects_sink            sink; /* added while it is not AOF_OFF */
    struct aof_sync               *sync;
    struct aof_folder             *folder;
    enum aof_state                 state;
    struct aof_append              file;
    struct bytes                   buffer;
    uint64_t                       offset;      /* of the end of the buffer */
    uint64_t                       sync_wanted; /* a sync up to there was begun */
    uint64_t                       part_offset, part_failures; /* when the last part was asked for */
    bool                           is_switching, has_part;     /* it begins when the one so far is on the disk; it has begun */
    int64_t                        switching_ms;
    uint64_t                       size, base_size;
    int                            db;         /* that commands at the end of the buffer are for; EFFECT_ANY_DATABASE: not said */
    int64_t                        remarked_s; /* wall clock, of the last #TS */
    int64_t                        postponed_ms, synced_ms; /* 0: it is not; when a sync was begun last */
    int                            failure;    /* errno of the last write, or sync within it; 0: it was good */
    int64_t                        failed_ms, logged_ms;
    uint64_t                       delayed;
    uint64_t                      *writers; /* ids of clients whose replies are held */
    size_t                         writer_count, writer_capacity;
    void (*on_synced)(void *context);
    void *listener;
};

/* ---- taking ---- */

static void hold(struct aof *aof, struct client *client) {
    if (!client || !client->conn || client->flags & CLIENT_IS_PRIMARY) return;
    client_hold_replies(client, CLIENT_HOLD_DISK, (int64_t)aof->offset);
    if (aof->writer_count && aof->writers[aof->writer_count - 1] == client->id) return;
    if (aof->writer_count == aof->writer_capacity) {
        aof->writer_capacity = MAX(64, aof->writer_capacity * 2);
        aof->writers = mem_realloc(aof->writers, aof->writer_capacity * sizeof *aof->writers);
    }
    aof->writers[aof->writer_count++] = client->id;
}

/* "#TS:1700000000", before the first command of a second. */
static void remark_time(struct aof *aof) {
    int64_t now_s = aof->server->wall_ms / 1000;
    if (now_s <= aof->remarked_s) return;
    aof->remarked_s = now_s;
    bytes_add_printf(&aof->buffer, "#TS:%lld\r\n", (long long)now_s);
}

void aof_remark_place(struct aof *aof, const struct rdb_place *place) {
    size_t before = aof->buffer.size;
    if (aof->state != AOF_ON) return;
    bytes_add_printf(&aof->buffer, "#PLACE:%s %lld %d\r\n", place->id, (long long)place->offset, place->stream_db);
    aof->offset += aof->buffer.size - before;
}

static void take(void *context, const struct effects_batch *batch) {
    struct aof *aof = context;
    if (batch->is_for_replicas) return;
    size_t before = aof->buffer.size;
    if (UNLIKELY(aof->settings->aof_timestamp_enabled)) remark_time(aof);
    for (size_t i = 0; i < batch->count; i++) {
        const struct effect *effect = &batch->effects[i];
        if (effect->is_for_replicas) continue;
        if (effect->db != aof->db && effect->db != EFFECT_ANY_DATABASE) {
            effects_print_select(&aof->buffer, effect->db);
            aof->db = effect->db;
        }
        bytes_add_slice(&aof->buffer, effect->bytes);
    }
    aof->offset += aof->buffer.size - before;
    if (batch->client) *aof->find_offset(batch->client) = aof->offset;
    if (aof->settings->appendfsync == AOF_FSYNC_ALWAYS && aof->state == AOF_ON) hold(aof, batch->client);
}

/* What is in the file is good enough for those who wait. */
static void confirm(struct aof *aof, uint64_t offset) {
    for (size_t i = 0; i < aof->writer_count; i++) {
        struct client *client = client_find(aof->server, aof->writers[i]);
        if (client) client_hold_confirm(client, CLIENT_HOLD_DISK, (int64_t)offset);
    }
    aof->writer_count = 0;
}

static void tell_listener(const struct aof *aof) {
    if (aof->on_synced) aof->on_synced(aof->listener);
}

/* ---- failures ---- */

static void fail(struct aof *aof, int reason, const char *what) {
    int64_t now_ms = aof->server->now_ms;
    aof->failed_ms = now_ms;
    if (!aof->failure || now_ms - aof->logged_ms >= LOG_EVERY_MS) {
        LOG_WRITE(LOG_WARNING, "The append-only file can't be written (writes are refused, it is tried again all the time): %s", what);
        aof->logged_ms = now_ms;
    }
    aof->failure = reason;
}

static void recover(struct aof *aof) {
    if (!aof->failure) return;
    aof->failure = 0;
    LOG_WRITE(LOG_WARNING, "The append-only file can be written again.");
}

const char *aof_failure(const struct aof *aof) {
    if (LIKELY(aof->state == AOF_OFF)) return NULL;
    int reason = aof->failure ? aof->failure : aof_sync_failure(aof->sync);
    return UNLIKELY(reason) ? strerror(reason) : NULL;
}

bool aof_has_gap(const struct aof *aof) {
    return aof->state == AOF_ON && aof_sync_has_gap(aof->sync);
}

/* ---- writing ---- */

static uint64_t written_offset(const struct aof *aof) {
    return aof->offset - aof->buffer.size;
}

static bool may_sync(const struct aof *aof) {
    return !(aof->settings->no_appendfsync_on_rewrite && child_is_running(aof->child));
}

/* False: `err` and errno. */
static bool sync_here(const struct aof *aof, struct error *err) {
    int64_t start_us = clock_now_us();
    int result;
    do result = fdatasync(aof->file.fd);
    while (result != 0 && errno == EINTR);
    if (result != 0 && errno != EINVAL && errno != EROFS) {
        int reason = errno;
        error_set(err, "fsync failed: %s", strerror(reason));
        errno = reason;
        return false;
    }
    latency_add_sample(aof->server, "aof-fsync-always", (clock_now_us() - start_us) / 1000);
    return true;
}

static void time_write(const struct aof *aof, int64_t start_us) {
    int64_t ms = (clock_now_us() - start_us) / 1000;
    const char *event = aof_sync_running(aof->sync)   ? "aof-write-pending-fsync"
                        : child_is_running(aof->child) ? "aof-write-active-child"
                                                       : "aof-write-alone";
    latency_add_sample(aof->server, event, ms);
    latency_add_sample(aof->server, "aof-write", ms);
}

static void drop_written(struct aof *aof, size_t size) {
    if (size < aof->buffer.size) bytes_drop_front(&aof->buffer, size);
    else if (aof->buffer.capacity > BUFFER_KEEP_BYTES) bytes_fini(&aof->buffer);
    else bytes_clear(&aof->buffer);
}

/* `syncs`: both or nothing, so that a disk that takes bytes and loses them is asked to take them once more: what a failed
 * fsync leaves in the kernel's memory may count as written there. */
static bool write_buffer(struct aof *aof, bool syncs) {
    uint64_t before = aof->file.size;
    size_t taken;
    struct error err;
    int64_t start_us = clock_now_us();
    bool good = aof_append_write(&aof->file, bytes_slice(&aof->buffer), &taken, &err);
    int reason = errno;
    if (good) time_write(aof, start_us);
    if (good && syncs && !sync_here(aof, &err)) {
        good = false;
        reason = errno;
        if (aof_append_cut(&aof->file, before)) taken = 0;
        else aof_sync_note(aof->sync, aof->offset, reason);
    }
    aof->size += aof->file.size - before;
    drop_written(aof, taken);
    if (!good) fail(aof, reason, err.text);
    return good;
}

/* While a sync runs a write would wait for it in the kernel. */
static bool is_postponed(struct aof *aof) {
    int64_t now_ms = aof->server->now_ms;
    if (!aof_sync_running(aof->sync)) {
        aof->postponed_ms = 0;
        return false;
    }
    if (!aof->postponed_ms) aof->postponed_ms = now_ms;
    if (now_ms - aof->postponed_ms < POSTPONE_MS) return true;
    aof->postponed_ms = 0;
    aof->delayed++;
    LOG_WRITE(LOG_NOTICE, "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for "
                          "fsync to complete, this may slow down Redis.");
    return false;
}

/* `at_any_rate`: also what a process before this one wrote. False: it failed. */
static bool sync_now(struct aof *aof, bool at_any_rate) {
    struct error err;
    uint64_t offset = written_offset(aof);
    if (!at_any_rate && aof_sync_offset(aof->sync) >= offset && !aof_sync_failure(aof->sync)) return true;
    bool good = sync_here(aof, &err);
    int reason = good ? 0 : errno;
    aof->sync_wanted = offset;
    aof_sync_note(aof->sync, offset, reason);
    if (!good) fail(aof, reason, err.text);
    return good;
}

static void sync_later(struct aof *aof) {
    uint64_t offset = written_offset(aof);
    int64_t now_ms = aof->server->now_ms;
    if (offset <= aof->sync_wanted && !aof_sync_failure(aof->sync)) return;
    if (now_ms - aof->synced_ms < (aof_sync_failure(aof->sync) ? RETRY_MS : SYNC_EVERY_MS) || aof_sync_running(aof->sync)) return;
    aof->synced_ms = now_ms;
    aof->sync_wanted = offset;
    aof_sync_start(aof->sync, aof->file.fd, offset);
}

/* ---- parts ---- */

/* The file that was written to so far is synced, or of no use. */
static void leave_file(struct aof *aof) {
    if (aof->file.fd < 0) return;
    aof->sync_wanted = written_offset(aof);
    aof_sync_close(aof->sync, aof->file.fd);
    aof->file.fd = -1;
}

static bool open_part(struct aof *aof, const char *name, bool empties, struct aof_append *file, struct error *err) {
    char *path = aof_folder_path(aof->folder, name);
    bool good = aof_append_open(file, path, empties, err);
    mem_free(path);
    return good;
}

static bool open_listed_part(struct aof *aof, struct aof_append *file, struct error *err) {
    struct aof_manifest *list = aof_manifest_copy(aof_folder_list(aof->folder));
    const struct aof_entry *part = aof_manifest_add_incr(list, aof->settings->appendfilename, err);
    bool good = part && open_part(aof, part->name, true, file, err);
    if (good && !aof_folder_put(aof->folder, &list, err)) {
        CHECK(close(file->fd) == 0); /* it is left where it is: the list on the disk may name it all the same */
        good = false;
    }
    aof_manifest_free(&list);
    return good;
}

static bool open_temporary_part(struct aof *aof, struct aof_append *file, struct error *err) {
    char *path = aof_folder_temporary_path(aof->folder);
    bool good = aof_append_open(file, path, true, err);
    mem_free(path);
    return good;
}

/* What was asked for since the fork is in the buffer: it is the new part's. */
static bool switch_part(struct aof *aof, struct error *err) {
    struct aof_append file;
    aof->is_switching = false;
    /* A part must be whole on the disk before there is another behind it: only the end of the last may be missing. */
    if (!sync_now(aof, aof_sync_offset(aof->sync) < aof->part_offset))
        return error_set(err, "the append-only file can't be synced: %s", strerror(aof->failure));
    if (!open_listed_part(aof, &file, err)) return false;
    leave_file(aof);
    aof->file = file;
    return aof->has_part = true;
}

/* False: it is waited for, and nothing may be written to the part so far. */
static bool end_switch(struct aof *aof, bool now) {
    struct error err;
    bool syncs = aof_sync_running(aof->sync) && aof_sync_offset(aof->sync) < aof->part_offset;
    if (syncs && !now && aof->server->now_ms - aof->switching_ms < POSTPONE_MS) return false;
    if (!switch_part(aof, &err)) LOG_WRITE(LOG_WARNING, "The append-only file goes on as it was, and is not rewritten: %s", err.text);
    return true;
}

void aof_flush(struct aof *aof, bool now) {
    if (LIKELY(aof->state == AOF_OFF)) return;
    if (UNLIKELY(aof->is_switching) && !end_switch(aof, now)) return;
    if (UNLIKELY(aof->file.fd < 0)) { /* AOF_WAITS, and the rewrite that makes it worth while has not begun */
        bytes_clear(&aof->buffer);
        return;
    }
    if (UNLIKELY(aof->failure) && !now && aof->server->now_ms - aof->failed_ms < RETRY_MS) return;
    int policy = aof->settings->appendfsync;
    bool always = policy == AOF_FSYNC_ALWAYS && may_sync(aof);
    uint64_t synced = aof_sync_offset(aof->sync);
    if (aof->buffer.size) {
        if (policy == AOF_FSYNC_EVERYSEC && !now && is_postponed(aof)) return;
        if (!write_buffer(aof, always)) return;
        if (always) {
            aof->sync_wanted = aof->offset;
            aof_sync_note(aof->sync, aof->offset, 0);
        }
    }
    if (always && !sync_now(aof, false)) return;
    if (policy == AOF_FSYNC_EVERYSEC && may_sync(aof)) sync_later(aof);
    if (policy == AOF_FSYNC_NO && aof_sync_failure(aof->sync)) sync_later(aof);
    recover(aof);
    if (UNLIKELY(aof->writer_count)) confirm(aof, written_offset(aof));
    if (aof_sync_offset(aof->sync) != synced) tell_listener(aof);
}

static void on_sync_end(void *context) {
    const struct aof *aof = context;
    int reason = aof_sync_failure(aof->sync);
    if (reason) LOG_WRITE(LOG_WARNING, "Syncing the append-only file failed (writes are refused, it is tried again all the time): %s",
                          strerror(reason));
    tell_listener(aof);
}

bool aof_finish(struct aof *aof, struct error *err) {
    if (aof->state == AOF_OFF) return true;
    aof_sync_drain(aof->sync);
    aof->is_switching = false; /* there will be no new base */
    aof_flush(aof, true);
    if (aof->buffer.size) return error_set(err, "the append-only file can't be written: %s", strerror(aof->failure));
    if (sync_now(aof, true)) return true;
    return error_set(err, "the append-only file can't be synced: %s", strerror(aof->failure));
}

static void begin_taking(struct aof *aof, enum aof_state state) {
    CHECK(aof->state == AOF_OFF);
    aof->state = state;
    aof->db = EFFECT_ANY_DATABASE;
    aof->failure = 0;
    aof_policy_changed(aof);
    effects_add_sink(aof->effects, &aof->sink);
}

void aof_policy_changed(struct aof *aof) {
    if (aof->settings->appendfsync == AOF_FSYNC_ALWAYS) aof->server->may_hold_replies = true;
}

bool aof_open(struct aof *aof, uint64_t all_size, uint64_t base_size, struct error *err) {
    const struct aof_entry *last = aof_manifest_last_incr(aof_folder_list(aof->folder));
    if (last ? !open_part(aof, last->name, false, &aof->file, err) : !open_listed_part(aof, &aof->file, err)) return false;
    aof->size = all_size;
    aof->base_size = base_size;
    begin_taking(aof, AOF_ON);
    return true;
}

void aof_wait_for_base(struct aof *aof) {
    begin_taking(aof, AOF_WAITS);
}

static bool begin_temporary_part(struct aof *aof, struct error *err) {
    struct aof_append file;
    if (!open_temporary_part(aof, &file, err)) return false;
    leave_file(aof);
    aof->file = file;
    return aof->has_part = true;
}

/* The thread syncs, and the part begins when that is done: end_switch(). With `always` there is nothing left to sync. */
static bool begin_listed_part(struct aof *aof, struct error *err) {
    uint64_t offset = written_offset(aof);
    if (aof->settings->appendfsync == AOF_FSYNC_ALWAYS || aof_sync_offset(aof->sync) >= offset) return switch_part(aof, err);
    aof->is_switching = true;
    aof->switching_ms = aof->server->now_ms;
    aof->sync_wanted = offset;
    aof_sync_start(aof->sync, aof->file.fd, offset);
    return true;
}

bool aof_begin_part(struct aof *aof, struct error *err) {
    aof->has_part = aof->is_switching = false;
    if (!aof_folder_prepare(aof->folder, err)) return false;
    if (aof->state == AOF_OFF) return true;
    aof_flush(aof, true);
    /* What is left would be executed again on top of a base that has it already. */
    if (aof->buffer.size) return error_set(err, "the append-only file can't be written: %s", strerror(aof->failure));
    aof->part_offset = aof->offset;
    aof->part_failures = aof_sync_failures(aof->sync);
    if (!(aof->state == AOF_ON ? begin_listed_part(aof, err) : begin_temporary_part(aof, err))) return false;
    aof->db = EFFECT_ANY_DATABASE;
    return true;
}

/* The base is ready and must have a part behind it. */
static bool need_part(struct aof *aof, struct error *err) {
    if (aof->state == AOF_OFF || aof->has_part) return true;
    if (!aof->is_switching) return error_set(err, "the part of the append-only file behind it could not be begun");
    return switch_part(aof, err);
}

static uint64_t size_of(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* The temporary part is listed from now on. */
static bool list_part(struct aof *aof, struct aof_manifest *list, struct error *err) {
    const struct aof_entry *part = aof_manifest_add_incr(list, aof->settings->appendfilename, err);
    char *from = aof_folder_temporary_path(aof->folder);
    bool good = part && aof_folder_move_in(aof->folder, from, part->name, err);
    mem_free(from);
    return good;
}

/* All that the base replaces may have been lost: it has it. */
static void close_gap(struct aof *aof) {
    if (aof_sync_failures(aof->sync) == aof->part_failures) aof_sync_forgive(aof->sync, aof->part_offset);
}

bool aof_take_base(struct aof *aof, const char *path, bool is_rdb, struct error *err) {
    if (!need_part(aof, err)) return false;
    struct aof_manifest *list = aof_manifest_copy(aof_folder_list(aof->folder));
    const struct aof_entry *base = aof_manifest_replace_base(list, aof->settings->appendfilename, is_rdb, err);
    uint64_t size = size_of(path);
    int64_t start_us = clock_now_us();
    bool good = base && aof_folder_move_in(aof->folder, path, base->name, err);
    latency_add_sample(aof->server, "aof-rename", (clock_now_us() - start_us) / 1000);
    good = good && (aof->state != AOF_WAITS || list_part(aof, list, err));
    if (good) {
        aof_manifest_retire_incr(list, aof->state == AOF_OFF ? 0 : 1);
        good = aof_folder_put(aof->folder, &list, err);
    }
    aof_manifest_free(&list);
    if (!good) return false;
    if (aof->state != AOF_OFF) {
        aof->size = aof->base_size = size + aof->file.size;
        aof->state = AOF_ON;
        close_gap(aof);
    }
    aof_folder_remove_history(aof->folder);
    tell_listener(aof);
    return true;
}

void aof_drop_part(struct aof *aof) {
    aof->is_switching = false;
    if (aof->state != AOF_WAITS) return;
    char *path = aof_folder_temporary_path(aof->folder);
    bytes_clear(&aof->buffer);
    aof->failure = 0;
    leave_file(aof);
    (void)unlink(path); /* it would be emptied at the next try */
    mem_free(path);
}

void aof_close(struct aof *aof) {
    struct error err;
    if (aof->state == AOF_OFF) return;
    if (aof->state == AOF_WAITS) aof_drop_part(aof);
    else if (!aof_finish(aof, &err)) LOG_WRITE(LOG_WARNING, "The append-only file is switched off, and incomplete: %s", err.text);
    effects_remove_sink(aof->effects, &aof->sink);
    aof->state = AOF_OFF;
    bytes_fini(&aof->buffer);
    leave_file(aof);
    aof_sync_drain(aof->sync);
    aof_sync_forgive(aof->sync, aof->offset);
    confirm(aof, aof->offset);
    tell_listener(aof);
}

/* ---- life ---- */

struct aof *aof_new(struct server *server, struct effects *effects, const struct persist_settings *settings,
                    const struct child *child, aof_find_offset *find_offset) {
    struct aof *aof = mem_zalloc(sizeof *aof);
    *aof = (struct aof){.server = server,
                        .effects = effects,
                        .settings = settings,
                        .child = child,
                        .find_offset = find_offset,
                        .file = {.fd = -1}};
    aof->sink = (struct effects_sink){.context = aof, .take = take};
    aof->sync = aof_sync_new(server->loop, on_sync_end, aof);
    aof->folder = aof_folder_new(settings, aof->sync);
    return aof;
}

void aof_free(struct aof **place) {
    struct aof *aof = *place;
    if (!aof) return;
    *place = NULL;
    aof->on_synced = NULL;
    aof->writer_count = 0; /* they are gone */
    aof_close(aof);
    aof_sync_free(&aof->sync);
    aof_folder_free(&aof->folder);
    mem_free(aof->writers);
    mem_free(aof);
}

enum aof_state aof_state(const struct aof *aof) {
    return aof->state;
}

struct aof_folder *aof_folder_of(const struct aof *aof) {
    return aof->folder;
}

uint64_t aof_offset(const struct aof *aof) {
    return aof->offset;
}

uint64_t aof_synced_offset(const struct aof *aof) {
    return aof->state == AOF_ON ? aof_sync_offset(aof->sync) : 0;
}

void aof_set_listener(struct aof *aof, void (*on_synced)(void *context), void *context) {
    aof->on_synced = on_synced;
    aof->listener = context;
}

void aof_get_info(const struct aof *aof, struct aof_info *info) {
    *info = (struct aof_info){.size = aof->size,
                              .base_size = aof->base_size,
                              .buffered = aof->buffer.size,
                              .pending_syncs = aof_sync_running(aof->sync),
                              .delayed_syncs = aof->delayed};
}

void aof_reset_stats(struct aof *aof) {
    aof->delayed = 0;
}
