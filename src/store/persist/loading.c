#include "store/persist/loading.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/server.h"
#include "net/loop.h"
#include "store/keyspace/databases.h"
#include "store/persist/loading_internal.h"
#include "store/persist/persistence.h"
#include "store/persist/rdb_ahead.h"
#include "store/persist/rdb_rules.h"

#include <time.h>

/* Keys are put into their database in groups, so that their places in the table are being fetched meanwhile. */
enum { SERVE_EVERY_US = 10000, WAIT_MS = 5, GROUP = 32 };

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

static bool insert(struct loading *loading, struct rdb_ahead_key *waiting, struct error *err) {
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

/* `*took`: its value lies in the database now. False: `err`, or the server was shut down. */
static bool take_key(struct loading *loading, struct rdb_ahead_key *waiting, bool *took, struct error *err) {
    const struct rdb_key *key = &waiting->key;
    *took = false;
    loading->at_bytes = waiting->end;
    if (UNLIKELY(key->is_empty)) {
        loading->empty++;
        return true;
    }
    if (key->expires_ms >= 0 && key->expires_ms < loading->server->wall_ms && !loading->keeps_past) {
        loading->expired++;
        return true;
    }
    if (!(*took = insert(loading, waiting, err))) return false;
    delay(loading);
    return true;
}

static void drop(struct rdb_key *key) {
    if (!key->is_empty && key->value.form == VALUE_OBJECT)
        value_free_object(key->value.type, key->value.encoding, key->value.object);
}

static bool take_values(struct loading *loading, struct rdb_ahead_piece *piece, struct error *err) {
    while (piece->taken < piece->count) {
        unsigned end = MIN(piece->taken + GROUP, piece->count);
        for (unsigned i = piece->taken; i < end; i++) keyspace_prefetch(loading->keyspace, piece->keys[i].hash);
        for (unsigned i = piece->taken; i < end; i++) keyspace_prefetch_record(loading->keyspace, piece->keys[i].hash);
        while (piece->taken < end) {
            bool took;
            struct rdb_ahead_key *key = &piece->keys[piece->taken++];
            bool good = take_key(loading, key, &took, err);
            if (!took) drop(&key->key);
            if (!good || loading_is_over(loading)) return good;
        }
    }
    return true;
}

static void take_field(struct loading *loading, struct slice name, struct slice value) {
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

/* ---- all of it ---- */

/* `*is_last`: nothing follows. False: `err`. */
static bool take_piece(struct loading *loading, struct rdb_ahead_piece *piece, bool *is_last, struct error *err) {
    *is_last = false;
    switch (piece->what) {
    case RDB_AHEAD_VALUES: return take_values(loading, piece, err);
    case RDB_AHEAD_DATABASE: loading->keyspace = databases_find(loading->databases, (int64_t)piece->number); return true;
    case RDB_AHEAD_SIZES: keyspace_reserve(loading->keyspace, piece->number); return true;
    case RDB_AHEAD_FIELD: take_field(loading, piece->name, piece->value); return true;
    case RDB_AHEAD_LIBRARY: loading->libraries++; return true;
    case RDB_AHEAD_END:
        *is_last = true;
        loading->at_bytes = piece->at;
        return piece->result == RDB_OK || error_set(err, "%s", piece->err.text);
    }
    UNREACHABLE("what a dump file says");
}

static bool load(struct loading *loading, struct error *err) {
    for (bool is_last = false; !is_last;) {
        struct rdb_ahead_piece *piece = rdb_ahead_next(loading->ahead, WAIT_MS);
        if (piece && !take_piece(loading, piece, &is_last, err)) return false;
        if (piece) rdb_ahead_done(loading->ahead);
        loading_serve(loading);
        if (loading_is_over(loading)) return true;
    }
    return true;
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
    struct rdb_rules rules = rdb_rules_of(loading->databases);
    rules.deep = loading->settings->sanitize == PERSIST_SANITIZE_YES;
    loading->keyspace = databases_find(loading->databases, 0);
    enum rdb_file_opened opened =
        rdb_ahead_open(&loading->ahead, path, &rules, &loading->databases->shared.hash_key, databases_count(loading->databases),
                       loading->settings->checksum, err);
    if (opened != RDB_FILE_OPEN) return opened == RDB_FILE_ABSENT ? LOADING_ABSENT : LOADING_FAILED;
    if (adds) loading->total_bytes += rdb_ahead_size(loading->ahead);
    bool good = load(loading, err); /* what came before the damage stays */
    *end = loading->at_bytes;
    rdb_ahead_close(&loading->ahead);
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
    state->loaded_bytes = loading->before_bytes + loading->at_bytes;
    state->file_memory_bytes = loading->file_memory_bytes;
    state->elapsed_us = clock_now_us() - loading->start_us;
}

const struct rdb_place *loading_place(const struct loading *loading) {
    return &loading->place;
}
