#include "store/replication/sync_in.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/server.h"
#include "store/keyspace/databases.h"
#include "store/persist/rdb_file.h"
#include "store/persist/rdb_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SYNC_EVERY_BYTES = 8 * 1024 * 1024 }; /* so that the last fsync() does not take long */

struct sync_in {
    struct server          *server;
    struct databases       *databases;
    struct sync_in_settings settings;
    struct sync_in_hooks    hooks;
    /* by file */
    int              fd; /* -1: not open */
    char             temporary[64];
    uint64_t         written, synced;
    struct rdb_file *file;
    /* as it comes */
    struct rdb_loader *loader;
    struct bytes       rest; /* what the loader has not taken yet */
    size_t             wanted;
    bool               has_ended; /* the loader has seen the end of the data */
    /* where keys go */
    struct keyspace *beside; /* SYNC_IN_SWAPPED: as many as there are databases */
    struct keyspace *keyspace;
    uint64_t         keys, empty, libraries;
    bool             is_loading, is_complete;
    int64_t          start_us;
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

static bool on_database(void *context, uint64_t number, struct error *err) {
    struct sync_in *sync = context;
    sync->keyspace = number <= INT32_MAX ? place_of(sync, (int64_t)number) : NULL;
    if (sync->keyspace) return true;
    return error_set(err, "database %llu, but there are only %d; raise the parameter databases", (unsigned long long)number,
                     databases_count(sync->databases));
}

/* Keys past their deadline are kept: when they end is for the primary to say. */
static bool on_key(void *context, struct rdb_key *key, struct error *err) {
    struct sync_in *sync = context;
    struct spot spot;
    if (key->is_empty) {
        sync->empty++;
        return true;
    }
    sync->databases->shared.sees_expired = true;
    bool is_there = keyspace_open(sync->keyspace, key->key, &spot);
    if (!is_there)
        keyspace_put(sync->keyspace, key->key, &spot, &key->value, key->expires_ms >= 0 ? key->expires_ms : RECORD_NEVER);
    sync->databases->shared.sees_expired = false;
    if (is_there) {
        if (key->value.form == VALUE_OBJECT) value_free_object(key->value.type, key->value.encoding, key->value.object);
        return error_set(err, "this key is there twice");
    }
    keyspace_set_usage(sync->keyspace, spot.record, key->idle_s, key->frequency);
    sync->keys++;
    return true;
}

static void on_field(void *context, struct slice name, struct slice value) {
    struct sync_in *sync = context;
    if (sync->hooks.field) sync->hooks.field(sync->hooks.context, name, value);
}

static void on_library(void *context, struct slice code) {
    ((struct sync_in *)context)->libraries++;
}

static struct rdb_loader *new_loader(struct sync_in *sync) {
    struct rdb_sink sink = {
        .context = sync, .database = on_database, .key = on_key, .field = on_field, .library = on_library};
    struct rdb_rules rules = rdb_rules_of(sync->databases);
    rules.deep = sync->settings.deep;
    return rdb_loader_new(&rules, &sink, sync->settings.checksum);
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

static bool feed(struct sync_in *sync, struct slice piece, struct error *err) {
    if (sync->has_ended) return error_set(err, "there is more behind the end of the data");
    bytes_add_slice(&sync->rest, piece);
    if (sync->rest.size < sync->wanted) return true;
    struct rdb_in in = {.at = sync->rest.data, .end = sync->rest.data + sync->rest.size};
    enum rdb_result result = rdb_loader_feed(sync->loader, &in, err);
    size_t left = rdb_in_left(&in);
    bytes_drop_front(&sync->rest, sync->rest.size - left);
    if (result == RDB_BAD) return false;
    sync->wanted = result == RDB_MORE ? in.wanted : 0;
    sync->has_ended = result == RDB_OK;
    return !sync->has_ended || !left || error_set(err, "there is more behind the end of the data");
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
    struct rdb_loader *loader = new_loader(sync);
    if (rdb_file_open(&sync->file, sync->settings.dbfilename, &loader, err) == RDB_FILE_OPEN) return true;
    rdb_loader_free(&loader);
    return error_prefix(err, "the file of the primary's data is gone");
}

enum sync_in_result sync_in_load(struct sync_in *sync, int64_t us, struct error *err) {
    if (sync->is_complete) return SYNC_IN_DONE;
    int64_t until_us = clock_now_us() + us;
    enum rdb_result result;
    do result = rdb_file_step(sync->file, err);
    while (result == RDB_MORE && clock_now_us() < until_us);
    if (result == RDB_MORE) return SYNC_IN_MORE;
    if (result != RDB_OK) {
        error_prefix(err, "Failed trying to load the MASTER synchronization DB from disk, check server logs");
        return SYNC_IN_FAILED;
    }
    rdb_file_close(&sync->file);
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
    sync->loader = new_loader(sync);
    return sync;
}

void sync_in_free(struct sync_in **place) {
    struct sync_in *sync = *place;
    if (!sync) return;
    *place = NULL;
    end_loading(sync);
    if (sync->fd >= 0) CHECK(close(sync->fd) == 0 || errno != EBADF);
    if (sync->temporary[0]) (void)unlink(sync->temporary);
    rdb_file_close(&sync->file);
    rdb_loader_free(&sync->loader);
    bytes_fini(&sync->rest);
    mem_free(sync);
}

bool sync_in_take(struct sync_in *sync, struct slice piece, struct error *err) {
    if (sync->settings.way == SYNC_IN_BY_FILE) return write_file(sync, piece, err);
    return feed(sync, piece, err) || error_prefix(err, "Failed trying to load the MASTER synchronization DB from socket");
}

bool sync_in_end(struct sync_in *sync, struct error *err) {
    if (sync->settings.way == SYNC_IN_BY_FILE) return end_file(sync, err);
    if (!sync->has_ended) return error_set(err, "Failed trying to load the MASTER synchronization DB from socket: it ends too early");
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

uint64_t sync_in_loaded_bytes(const struct sync_in *sync) {
    if (sync->file) return rdb_file_offset(sync->file);
    return sync->loader ? rdb_loader_offset(sync->loader) : 0;
}

uint64_t sync_in_total_bytes(const struct sync_in *sync) {
    return sync->file ? rdb_file_size(sync->file) : 0;
}

uint64_t sync_in_keys(const struct sync_in *sync) {
    return sync->keys;
}
