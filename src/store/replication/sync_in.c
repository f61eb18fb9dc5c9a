#include "store/replication/sync_in.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/server.h"
#include "store/keyspace/databases.h"
#include "store/persist/loading.h"
#include "store/persist/rdb_ahead.h"
#include "store/persist/rdb_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
    SYNC_EVERY_BYTES = 8 * 1024 * 1024, /* so that the last fsync() does not take long */
    FEED_BYTES = 1024 * 1024,           /* as it comes: by so much the network may be ahead of the thread that reads it */
    WAIT_MS = 1,
    GROUP = 32 /* keys whose places in the table are fetched meanwhile */
};

struct sync_in {
    struct server          *server;
    struct databases       *databases;
    struct sync_in_settings settings;
    struct sync_in_hooks    hooks;
    /* by file */
    int              fd; /* -1: not open */
    char             temporary[64];
    uint64_t         written, synced;
    struct rdb_ahead *ahead; /* reads the file, or what comes, on a thread. NULL: nothing is read yet */
    /* where keys go */
    struct keyspace *beside; /* SYNC_IN_SWAPPED: as many as there are databases */
    struct keyspace *keyspace;
    uint64_t         keys, empty, libraries;
    bool             is_loading, is_complete;
    int64_t          start_us, start_wall_ms;
    uint64_t         loaded_bytes, file_memory_bytes;
};

/* ---- the databases ---- */

static struct keyspace *place_of(struct sync_in *sync, int64_t number) {
    if (!sync->beside) return databases_find(sync->databases, number);
    return number < databases_count(sync->databases) ? &sync->beside[number] : NULL;
}

static void empty_databases(struct sync_in *sync) {
    if (sync->hooks.replaced) sync->hooks.replaced(sync->hooks.context);
    for (int i = 0; i < databases_count(sync->databases); i++)
        keyspace_clear(databases_find(sync->databases, i), sync->settings.lazy_flush);
}

static void begin_loading(struct sync_in *sync) {
    if (sync->settings.way == SYNC_IN_SWAPPED) {
        int count = databases_count(sync->databases);
        sync->beside = mem_alloc((size_t)count * sizeof *sync->beside);
        for (int i = 0; i < count; i++) keyspace_init(&sync->beside[i], &sync->databases->shared, i);
    } else {
        LOG_WRITE(LOG_NOTICE, "MASTER <-> REPLICA sync: Flushing old data");
        empty_databases(sync);
    }
    LOG_WRITE(LOG_NOTICE, "MASTER <-> REPLICA sync: Loading DB in memory");
    sync->is_loading = true;
    if (!sync_in_serves_old(sync)) sync->server->is_loading = true;
    sync->databases->shared.keep_expired = true;
    sync->keyspace = place_of(sync, 0);
    sync->start_us = clock_now_us();
    sync->start_wall_ms = clock_wall_ms();
}

/* What was loaded beside the old data takes its place. */
static void swap(struct sync_in *sync) {
    if (sync->hooks.replaced) sync->hooks.replaced(sync->hooks.context);
    for (int i = 0; i < databases_count(sync->databases); i++) keyspace_swap(databases_find(sync->databases, i), &sync->beside[i]);
}

static void drop_beside(struct sync_in *sync) {
    if (!sync->beside) return;
    for (int i = 0; i < databases_count(sync->databases); i++) {
        keyspace_clear(&sync->beside[i], true);
        keyspace_fini(&sync->beside[i]);
    }
    mem_free(sync->beside);
    sync->beside = NULL;
}

static void end_loading(struct sync_in *sync) {
    if (!sync->is_loading) return;
    sync->is_loading = sync->server->is_loading = false;
    if (!sync->is_complete && !sync->beside) empty_databases(sync); /* half of the data is worse than none */
    drop_beside(sync);
}

/* ---- what the payload says ---- */

/* Keys past their deadline are kept: when they end is for the primary to say. */
static bool put_key(struct sync_in *sync, const struct rdb_ahead_key *waiting, struct error *err) {
    const struct rdb_key *key = &waiting->key;
    struct spot spot;
    sync->loaded_bytes = waiting->end;
    if (UNLIKELY(key->is_empty)) {
        sync->empty++;
        return true;
    }
    if (UNLIKELY(keyspace_open_hashed(sync->keyspace, key->key, waiting->hash, &spot))) {
        if (key->value.form == VALUE_OBJECT) value_free_object(key->value.type, key->value.encoding, key->value.object);
        return error_set(err, "a key is there twice, again at offset %llu", (unsigned long long)waiting->end);
    }
    keyspace_put(sync->keyspace, key->key, &spot, &key->value, key->expires_ms >= 0 ? key->expires_ms : RECORD_NEVER);
    keyspace_set_usage(sync->keyspace, spot.record, key->idle_s, key->frequency);
    sync->keys++;
    return true;
}

static bool put_keys(struct sync_in *sync, struct rdb_ahead_piece *piece, struct error *err) {
    bool good = true;
    sync->databases->shared.sees_expired = true;
    while (good && piece->taken < piece->count) {
        unsigned end = MIN(piece->taken + GROUP, piece->count);
        for (unsigned i = piece->taken; i < end; i++) keyspace_prefetch(sync->keyspace, piece->keys[i].hash);
        for (unsigned i = piece->taken; i < end; i++) keyspace_prefetch_record(sync->keyspace, piece->keys[i].hash);
        while (good && piece->taken < end) good = put_key(sync, &piece->keys[piece->taken++], err);
    }
    sync->databases->shared.sees_expired = false;
    return good;
}

static void take_field(struct sync_in *sync, const struct rdb_ahead_piece *piece) {
    int64_t number;
    if (slice_is(piece->name, "used-mem") && number_parse_int(piece->value, &number) && number >= 0)
        sync->file_memory_bytes = (uint64_t)number;
    if (sync->hooks.field) sync->hooks.field(sync->hooks.context, piece->name, piece->value);
}

static enum sync_in_result take_piece(struct sync_in *sync, struct rdb_ahead_piece *piece, struct error *err) {
    switch (piece->what) {
    case RDB_AHEAD_VALUES: return put_keys(sync, piece, err) ? SYNC_IN_MORE : SYNC_IN_FAILED;
    case RDB_AHEAD_DATABASE: sync->keyspace = place_of(sync, (int64_t)piece->number); return SYNC_IN_MORE;
    case RDB_AHEAD_SIZES: keyspace_reserve(sync->keyspace, piece->number); return SYNC_IN_MORE;
    case RDB_AHEAD_FIELD: take_field(sync, piece); return SYNC_IN_MORE;
    case RDB_AHEAD_LIBRARY: sync->libraries++; return SYNC_IN_MORE;
    case RDB_AHEAD_END:
        sync->loaded_bytes = piece->at;
        if (piece->result == RDB_OK) return SYNC_IN_DONE;
        error_set(err, "%s", piece->err.text);
        return SYNC_IN_FAILED;
    }
    UNREACHABLE("what a payload says");
}

/* The next piece, if one comes in time. SYNC_IN_DONE: it was the last. */
static enum sync_in_result take_next(struct sync_in *sync, unsigned wait_ms, bool *has_come, struct error *err) {
    struct rdb_ahead_piece *piece = rdb_ahead_next(sync->ahead, wait_ms);
    *has_come = piece != NULL;
    if (!piece) return SYNC_IN_MORE;
    enum sync_in_result result = take_piece(sync, piece, err);
    rdb_ahead_done(sync->ahead);
    return result;
}

static struct rdb_rules rules_of(const struct sync_in *sync) {
    struct rdb_rules rules = rdb_rules_of(sync->databases);
    rules.deep = sync->settings.deep;
    return rules;
}

static void complete(struct sync_in *sync) {
    sync->is_complete = true;
    if (sync->beside) swap(sync);
    end_loading(sync);
    LOG_WRITE(LOG_NOTICE, "Done loading RDB, keys loaded: %llu, in %.3f seconds", (unsigned long long)sync->keys,
              (double)(clock_now_us() - sync->start_us) / 1e6);
    if (sync->empty)
        LOG_WRITE(LOG_WARNING, "%llu keys of the payload had values without elements and were left out",
                  (unsigned long long)sync->empty);
    if (sync->libraries)
        LOG_WRITE(LOG_WARNING, "%llu libraries of functions of the primary were left out: this version of kvd has none",
                  (unsigned long long)sync->libraries);
}

/* ---- as it comes ---- */

static void begin_feed(struct sync_in *sync) {
    struct rdb_rules rules = rules_of(sync);
    sync->ahead = rdb_ahead_new(&rules, &sync->databases->shared.hash_key, databases_count(sync->databases), sync->settings.checksum,
                                sync->settings.size_bytes);
}

/* Takes what the thread has read; waits for it where it is far behind, or, `to_end`, has not come to the end. */
static bool take_read(struct sync_in *sync, bool to_end, struct error *err) {
    for (;;) {
        bool has_come, waits = to_end || rdb_ahead_waiting(sync->ahead) > FEED_BYTES;
        enum sync_in_result result = take_next(sync, waits ? WAIT_MS : 0, &has_come, err);
        if (result == SYNC_IN_FAILED) return false;
        if (result == SYNC_IN_DONE) return to_end || error_set(err, "there is more behind the end of the data");
        if (!has_come && !waits) return true;
    }
}

static bool feed(struct sync_in *sync, struct slice piece, bool is_last, struct error *err) {
    if (is_last) rdb_ahead_feed_end(sync->ahead);
    else if (piece.size) (void)rdb_ahead_feed(sync->ahead, piece);
    return take_read(sync, is_last, err) || error_prefix(err, "Failed trying to load the MASTER synchronization DB from socket");
}

/* ---- by file ---- */

static bool fail_file(struct sync_in *sync, const char *what, struct error *err) {
    return error_set(err, "can't %s the file %s for the primary's data: %s", what, sync->temporary, strerror(errno));
}

static bool open_file(struct sync_in *sync, struct error *err) {
    snprintf(sync->temporary, sizeof sync->temporary, "temp-%lld.%ld.rdb", (long long)(sync->server->wall_ms / 1000),
             (long)getpid());
    sync->fd = open(sync->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (sync->fd < 0 && errno == EEXIST) {
        (void)unlink(sync->temporary); /* of the attempt before, within this second */
        sync->fd = open(sync->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    }
    return sync->fd >= 0 || fail_file(sync, "open", err);
}

static bool write_file(struct sync_in *sync, struct slice piece, struct error *err) {
    while (piece.size) {
        ssize_t size = write(sync->fd, piece.data, piece.size);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return fail_file(sync, "write", err);
        piece.data += size;
        piece.size -= (size_t)size;
        sync->written += (uint64_t)size;
    }
    if (sync->written - sync->synced < SYNC_EVERY_BYTES) return true;
    sync->synced = sync->written;
    return fdatasync(sync->fd) == 0 || fail_file(sync, "sync", err);
}

static bool end_file(struct sync_in *sync, struct error *err) {
    if (fsync(sync->fd) != 0) return fail_file(sync, "sync", err);
    int fd = sync->fd;
    sync->fd = -1;
    if (close(fd) != 0) return fail_file(sync, "close", err);
    if (rename(sync->temporary, sync->settings.dbfilename) != 0) return fail_file(sync, "rename", err);
    sync->temporary[0] = 0;
    if (!file_sync_directory(sync->settings.dbfilename))
        return error_set(err, "can't sync the directory of %s: %s", sync->settings.dbfilename, strerror(errno));
    begin_loading(sync);
    struct rdb_rules rules = rules_of(sync);
    if (rdb_ahead_open(&sync->ahead, sync->settings.dbfilename, &rules, &sync->databases->shared.hash_key,
                       databases_count(sync->databases), sync->settings.checksum, err) == RDB_FILE_OPEN)
        return true;
    return error_prefix(err, "the file of the primary's data is gone");
}

enum sync_in_result sync_in_load(struct sync_in *sync, int64_t us, struct error *err) {
    if (sync->is_complete) return SYNC_IN_DONE;
    int64_t until_us = clock_now_us() + us;
    enum sync_in_result result;
    bool has_come;
    do result = take_next(sync, WAIT_MS, &has_come, err);
    while (result == SYNC_IN_MORE && has_come && clock_now_us() < until_us);
    if (result == SYNC_IN_MORE) return SYNC_IN_MORE;
    if (result == SYNC_IN_FAILED) {
        error_prefix(err, "Failed trying to load the MASTER synchronization DB from disk, check server logs");
        return SYNC_IN_FAILED;
    }
    rdb_ahead_close(&sync->ahead);
    if (sync->settings.removes_file && unlink(sync->settings.dbfilename) == 0)
        LOG_WRITE(LOG_NOTICE, "Removing the RDB file obtained from the master. This replica has persistence disabled");
    complete(sync);
    return SYNC_IN_DONE;
}

/* ---- life ---- */

struct sync_in *sync_in_new(struct server *server, struct databases *databases, const struct sync_in_settings *settings,
                            const struct sync_in_hooks *hooks, struct error *err) {
    struct sync_in *sync = mem_zalloc(sizeof *sync);
    sync->server = server;
    sync->databases = databases;
    sync->settings = *settings;
    sync->hooks = *hooks;
    sync->fd = -1;
    if (settings->way == SYNC_IN_BY_FILE) {
        if (!open_file(sync, err)) sync_in_free(&sync);
        return sync;
    }
    begin_loading(sync);
    begin_feed(sync);
    return sync;
}

void sync_in_free(struct sync_in **place) {
    struct sync_in *sync = *place;
    if (!sync) return;
    *place = NULL;
    rdb_ahead_close(&sync->ahead);
    end_loading(sync);
    if (sync->fd >= 0) CHECK(close(sync->fd) == 0 || errno != EBADF);
    if (sync->temporary[0]) (void)unlink(sync->temporary);
    mem_free(sync);
}

bool sync_in_take(struct sync_in *sync, struct slice piece, struct error *err) {
    if (sync->settings.way == SYNC_IN_BY_FILE) return write_file(sync, piece, err);
    return feed(sync, piece, false, err);
}

bool sync_in_go_on(struct sync_in *sync, struct error *err) {
    return sync->settings.way == SYNC_IN_BY_FILE || feed(sync, (struct slice){NULL, 0}, false, err);
}

bool sync_in_end(struct sync_in *sync, struct error *err) {
    if (sync->settings.way == SYNC_IN_BY_FILE) return end_file(sync, err);
    if (!feed(sync, (struct slice){NULL, 0}, true, err)) return false;
    complete(sync);
    return true;
}

bool sync_in_is_loading(const struct sync_in *sync) {
    return sync->is_loading;
}

bool sync_in_has_emptied(const struct sync_in *sync) {
    return sync->is_loading && !sync->beside;
}

bool sync_in_serves_old(const struct sync_in *sync) {
    return sync->is_loading && sync->settings.way == SYNC_IN_SWAPPED && sync->settings.serves_old;
}

void sync_in_get_state(const struct sync_in *sync, struct loading_state *state) {
    state->start_wall_s = sync->start_wall_ms / 1000;
    state->elapsed_us = clock_now_us() - sync->start_us;
    state->loaded_bytes = sync->loaded_bytes;
    state->total_bytes = sync->ahead ? rdb_ahead_size(sync->ahead) : 0;
    state->file_memory_bytes = sync->file_memory_bytes;
}
