#include "store/persist/loading.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/server.h"
#include "net/loop.h"
#include "store/keyspace/databases.h"
#include "store/persist/loading_internal.h"
#include "store/persist/persistence.h"
#include "store/persist/rdb_file.h"
#include "store/persist/rdb_rules.h"

#include <time.h>

enum { SERVE_EVERY_US = 10000 };

struct loading *loading_new(struct server *server, struct databases *databases, const struct persist_settings *settings) {
    struct loading *loading = mem_zalloc(sizeof *loading);
    loading->server = server;
    loading->databases = databases;
    loading->settings = settings;
    return loading;
}

void loading_free(struct loading **loading) {
    mem_free(*loading);
    *loading = NULL;
}

/* ---- clients in between ---- */

void loading_serve(struct loading *loading) {
    if (!loading->serves) return;
    int64_t now_us = clock_now_us();
    if (now_us - loading->served_us < SERVE_EVERY_US) return;
    server_update_time(loading->server);
    loop_turn(loading->server->loop, false);
    loading->served_us = clock_now_us();
}

bool loading_is_over(const struct loading *loading) {
    return loading->serves && server_shutdown_state(loading->server) == SERVER_SHUTDOWN_DONE;
}

static void delay(struct loading *loading) {
    int64_t us = loading->settings->key_load_delay_us;
    if (us <= 0) return;
    struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    (void)nanosleep(&time, NULL);
    loading_serve(loading);
}

/* ---- what the file says ---- */

static void drop(struct value *value) {
    if (value->form == VALUE_OBJECT) value_free_object(value->type, value->encoding, value->object);
}

static bool insert(struct loading *loading, struct loading_key *waiting, struct error *err) {
    struct rdb_key *key = &waiting->key;
    uint64_t hash = waiting->hash;
    struct spot spot;
    if (keyspace_open_hashed(loading->keyspace, key->key, hash, &spot)) {
        if (!loading->merges) {
            struct bytes name = {0};
            bytes_add_quoted(&name, slice_make(key->key.data, MIN(key->key.size, 100)));
            error_set(err, "the key %s, which ends at offset %llu, is there twice", bytes_text(&name),
                      (unsigned long long)waiting->end);
            bytes_fini(&name);
            drop(&key->value);
            return false;
        }
        keyspace_remove(loading->keyspace, &spot);
        (void)keyspace_open_hashed(loading->keyspace, key->key, hash, &spot);
    }
    keyspace_put(loading->keyspace, key->key, &spot, &key->value, key->expires_ms >= 0 ? key->expires_ms : RECORD_NEVER);
    keyspace_set_usage(loading->keyspace, spot.record, key->idle_s, key->frequency);
    loading->loaded++;
    return true;
}

/* False: one of them is wrong; none is kept waiting. */
static bool insert_batch(struct loading *loading, struct error *err) {
    struct loading_batch *batch = &loading->batch;
    bool good = true;
    for (unsigned i = 0; i < batch->count; i++) keyspace_prefetch_record(loading->keyspace, batch->keys[i].hash);
    for (unsigned i = 0; i < batch->count; i++) {
        if (good) good = insert(loading, &batch->keys[i], err);
        else drop(&batch->keys[i].key.value);
    }
    batch->count = 0;
    batch->used = 0;
    return good;
}

static struct slice keep_text(struct loading_batch *batch, struct slice text) {
    char *at = batch->texts + batch->used;
    if (text.size) memcpy(at, text.data, text.size);
    batch->used += text.size;
    return slice_make(at, text.size);
}

static bool add_to_batch(struct loading *loading, struct rdb_key *key, struct error *err) {
    struct loading_batch *batch = &loading->batch;
    size_t text_bytes = key->key.size + (key->value.form == VALUE_TEXT ? key->value.text.size : 0);
    struct loading_key made = {*key, key_table_hash(&loading->databases->shared.hash_key, key->key), rdb_file_offset(loading->file)};
    if (batch->count == LOADING_BATCH || text_bytes > LOADING_TEXT_BYTES - batch->used) {
        if (!insert_batch(loading, err)) {
            drop(&key->value);
            return false;
        }
        if (text_bytes > LOADING_TEXT_BYTES) return insert(loading, &made, err);
    }
    keyspace_prefetch(loading->keyspace, made.hash);
    struct loading_key *waiting = &batch->keys[batch->count++];
    *waiting = made;
    waiting->key.key = keep_text(batch, key->key);
    if (key->value.form == VALUE_TEXT) waiting->key.value.text = keep_text(batch, key->value.text);
    return true;
}

static bool on_key(void *context, struct rdb_key *key, struct error *err) {
    struct loading *loading = context;
    if (key->is_empty) {
        loading->empty++;
        return true;
    }
    if (key->expires_ms >= 0 && key->expires_ms < loading->server->wall_ms && !loading->keeps_past) {
        loading->expired++;
        drop(&key->value);
        return true;
    }
    if (!add_to_batch(loading, key, err)) return false;
    delay(loading);
    return !loading_is_over(loading) || error_set(err, "the server was shut down");
}

static bool on_database(void *context, uint64_t number, struct error *err) {
    struct loading *loading = context;
    if (!insert_batch(loading, err)) return false;
    loading->keyspace = number <= INT32_MAX ? databases_find(loading->databases, (int64_t)number) : NULL;
    if (loading->keyspace) return true;
    return error_set(err, "database %llu, but there are only %d; raise the parameter databases", (unsigned long long)number,
                     databases_count(loading->databases));
}

/* Room for what the file says, as far as what is left of it can hold so much: a key takes four bytes at least. */
static void on_sizes(void *context, uint64_t keys, uint64_t expiring) {
    const struct loading *loading = context;
    uint64_t size = rdb_file_size(loading->file), offset = rdb_file_offset(loading->file);
    keyspace_reserve(loading->keyspace, MIN(keys, (size - MIN(size, offset)) / 4));
}

static void on_field(void *context, struct slice name, struct slice value) {
    struct loading *loading = context;
    int64_t number;
    char text[128];
    if (slice_is(name, "redis-ver") || slice_is(name, "valkey-ver")) {
        slice_print_plain(value, text, sizeof text);
        LOG_WRITE(LOG_NOTICE, "Loading RDB produced by version %s", text);
    } else if (slice_is(name, "ctime") && number_parse_int(value, &number)) {
        LOG_WRITE(LOG_NOTICE, "RDB age %lld seconds", (long long)MAX(loading->server->wall_ms / 1000 - number, 0));
    } else if (slice_is(name, "used-mem") && number_parse_int(value, &number) && number >= 0) {
        LOG_WRITE(LOG_NOTICE, "RDB memory usage when created %.2f Mb", (double)number / (1024 * 1024));
        loading->file_memory_bytes = (uint64_t)number;
    } else if (slice_is(name, "repl-id") && value.size < sizeof loading->place.id) {
        memcpy(loading->place.id, value.data, value.size);
        loading->place.id[value.size] = 0;
    } else if (slice_is(name, "repl-offset") && number_parse_int(value, &number)) {
        loading->place.offset = number;
    } else if (slice_is(name, "repl-stream-db") && number_parse_int(value, &number)) {
        loading->place.stream_db = (int)MIN(MAX(number, 0), INT32_MAX);
    }
}

static void on_library(void *context, struct slice code) {
    ((struct loading *)context)->libraries++;
}

/* ---- all of it ---- */

static bool load(struct loading *loading, struct error *err) {
    enum rdb_result result;
    do {
        result = rdb_file_step(loading->file, err);
        loading_serve(loading);
        if (loading_is_over(loading)) return true;
    } while (result == RDB_MORE);
    return result == RDB_OK;
}

static void say_how_it_went(const struct loading *loading) {
    LOG_WRITE(LOG_NOTICE, "Done loading RDB, keys loaded: %llu, keys expired: %llu.", (unsigned long long)loading->loaded,
              (unsigned long long)loading->expired);
    if (loading->empty)
        LOG_WRITE(LOG_WARNING, "%llu keys of the dump file had values without elements and were left out",
                  (unsigned long long)loading->empty);
    if (loading->libraries)
        LOG_WRITE(LOG_WARNING, "%llu libraries of functions in the dump file were left out: this version of kvd has none, and "
                               "the next save will write none", (unsigned long long)loading->libraries);
}

void loading_begin(struct loading *loading, bool serves, bool merges) {
    struct keyspace_shared *shared = &loading->databases->shared;
    loading->serves = serves;
    loading->merges = merges;
    loading->place = (struct rdb_place){.offset = -1};
    loading->loaded = loading->expired = loading->empty = loading->libraries = loading->file_memory_bytes = 0;
    loading->total_bytes = loading->before_bytes = loading->at_bytes = 0;
    loading->start_wall_ms = clock_wall_ms();
    loading->start_us = loading->served_us = clock_now_us();
    loading->was_kept = shared->keep_expired;
    loading->had_seen = shared->sees_expired;
    loading->is_running = loading->server->is_loading = shared->keep_expired = shared->sees_expired = true;
    loading->keeps_past = false;
}

void loading_finish(struct loading *loading) {
    struct keyspace_shared *shared = &loading->databases->shared;
    loading->is_running = loading->server->is_loading = false;
    shared->keep_expired = loading->was_kept;
    shared->sees_expired = loading->had_seen;
}

enum loading_result loading_read_dump(struct loading *loading, const char *path, bool adds, uint64_t *end, struct error *err) {
    struct rdb_sink sink = {
        .context = loading, .database = on_database, .sizes = on_sizes, .key = on_key, .field = on_field, .library = on_library};
    struct rdb_rules rules = rdb_rules_of(loading->databases);
    rules.deep = loading->settings->sanitize == PERSIST_SANITIZE_YES;
    struct rdb_loader *loader = rdb_loader_new(&rules, &sink, loading->settings->checksum);
    loading->keyspace = databases_find(loading->databases, 0);
    enum rdb_file_opened opened = rdb_file_open(&loading->file, path, &loader, err);
    if (opened != RDB_FILE_OPEN) {
        rdb_loader_free(&loader);
        return opened == RDB_FILE_ABSENT ? LOADING_ABSENT : LOADING_FAILED;
    }
    if (adds) loading->total_bytes += rdb_file_size(loading->file);
    loading->batch.count = 0;
    loading->batch.used = 0;
    bool good = load(loading, err);
    if (!insert_batch(loading, good ? err : NULL)) good = false; /* what came before the damage stays */
    *end = rdb_file_offset(loading->file);
    rdb_file_close(&loading->file);
    if (good && !loading_is_over(loading)) say_how_it_went(loading);
    return good ? LOADING_DONE : LOADING_FAILED;
}

enum loading_result loading_run(struct loading *loading, bool serves, bool merges, struct error *err) {
    uint64_t end;
    loading_begin(loading, serves, merges);
    enum loading_result result = loading_read_dump(loading, loading->settings->dbfilename, true, &end, err);
    loading_finish(loading);
    if (result == LOADING_DONE && !loading_is_over(loading))
        LOG_WRITE(LOG_NOTICE, "DB loaded from disk: %.3f seconds", (double)(clock_now_us() - loading->start_us) / 1e6);
    if (result == LOADING_FAILED) error_prefix(err, "the dump file %s is damaged", loading->settings->dbfilename);
    return result;
}

void loading_get_state(const struct loading *loading, struct loading_state *state) {
    *state = (struct loading_state){.last_expired = loading->expired, .last_loaded = loading->loaded};
    if (!loading->is_running) return;
    state->start_wall_s = loading->start_wall_ms / 1000;
    state->total_bytes = loading->total_bytes;
    state->loaded_bytes = loading->before_bytes + (loading->file ? rdb_file_offset(loading->file) : loading->at_bytes);
    state->file_memory_bytes = loading->file_memory_bytes;
    double elapsed = (double)(clock_now_us() - loading->start_us) / 1e6;
    uint64_t left = state->total_bytes - MIN(state->total_bytes, state->loaded_bytes);
    state->eta_s = state->loaded_bytes ? (int64_t)(elapsed * (double)left / (double)state->loaded_bytes) : 1;
}

const struct rdb_place *loading_place(const struct loading *loading) {
    return &loading->place;
}
