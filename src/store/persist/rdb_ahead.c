#include "store/persist/rdb_ahead.h"
#include "base/mem.h"
#include "base/worker.h"
#include "store/keyspace/key_table.h"
#include "store/persist/rdb_rules.h"

#include <pthread.h>
#include <time.h>

enum { PIECES = 4 };

struct rdb_ahead {
    struct worker         *worker;
    struct worker_job      job;
    struct rdb_file       *file; /* the thread's while it runs; NULL: the dump comes by rdb_ahead_feed() */
    struct rdb_loader     *loader; /* of what is fed; the thread's */
    struct bytes           rest;   /* what the loader has not taken yet; the thread's */
    size_t                 wanted;
    uint64_t               size; /* of the dump; 0: unknown */
    const struct hash_key *hash_key;
    int                    databases;
    struct rdb_ahead_piece *filling; /* the thread's: keys are added to it. NULL: none is begun */
    pthread_mutex_t        lock;     /* of what follows */
    pthread_cond_t         changed;
    uint64_t               put, taken; /* pieces, ever */
    bool                   stop, is_all; /* nothing more is fed */
    struct bytes           fed;  /* what the thread has not looked at */
    struct rdb_ahead_piece pieces[PIECES];
};

/* ---- the thread's side ---- */

/* The next empty piece. NULL: nobody wants any more. */
static struct rdb_ahead_piece *begin(struct rdb_ahead *ahead, enum rdb_ahead_what what) {
    pthread_mutex_lock(&ahead->lock);
    while (ahead->put - ahead->taken == PIECES && !ahead->stop) pthread_cond_wait(&ahead->changed, &ahead->lock);
    struct rdb_ahead_piece *piece = ahead->stop ? NULL : &ahead->pieces[ahead->put % PIECES];
    pthread_mutex_unlock(&ahead->lock);
    if (!piece) return NULL;
    piece->what = what;
    piece->count = piece->taken = 0;
    piece->used = 0;
    piece->long_text = NULL;
    return piece;
}

static void put(struct rdb_ahead *ahead) {
    pthread_mutex_lock(&ahead->lock);
    ahead->put++;
    pthread_cond_signal(&ahead->changed); /* for the other side: this one does not wait */
    pthread_mutex_unlock(&ahead->lock);
}

static void put_values(struct rdb_ahead *ahead) {
    if (ahead->filling) put(ahead);
    ahead->filling = NULL;
}

static uint64_t offset(const struct rdb_ahead *ahead) {
    return ahead->file ? rdb_file_offset(ahead->file) : rdb_loader_offset(ahead->loader);
}

/* What is no key comes alone, after the keys before it. */
static struct rdb_ahead_piece *begin_other(struct rdb_ahead *ahead, enum rdb_ahead_what what) {
    put_values(ahead);
    return begin(ahead, what);
}

static bool end_other(struct rdb_ahead *ahead, const struct rdb_ahead_piece *piece, struct error *err) {
    if (!piece) return error_set(err, "it is not wanted any more");
    put(ahead);
    return true;
}

static struct slice keep_text(struct rdb_ahead_piece *piece, struct slice text) {
    char *at = (piece->long_text ? piece->long_text : piece->texts) + piece->used;
    if (text.size) memcpy(at, text.data, text.size);
    piece->used += text.size;
    return slice_make(at, text.size);
}

/* A piece that has room for a key and so many bytes. */
static struct rdb_ahead_piece *piece_for(struct rdb_ahead *ahead, size_t bytes) {
    struct rdb_ahead_piece *piece = ahead->filling;
    if (LIKELY(piece && piece->count < RDB_AHEAD_KEYS && bytes <= RDB_AHEAD_TEXT_BYTES - piece->used)) return piece;
    put_values(ahead);
    piece = ahead->filling = begin(ahead, RDB_AHEAD_VALUES);
    if (piece && bytes > RDB_AHEAD_TEXT_BYTES) piece->long_text = mem_alloc(bytes);
    return piece;
}

static void drop_value(struct value *value) {
    if (value->form == VALUE_OBJECT) value_free_object(value->type, value->encoding, value->object);
}

static bool on_key(void *context, struct rdb_key *key, struct error *err) {
    struct rdb_ahead *ahead = context;
    bool has_text = !key->is_empty && key->value.form == VALUE_TEXT;
    struct rdb_ahead_piece *piece = piece_for(ahead, key->key.size + (has_text ? key->value.text.size : 0));
    if (UNLIKELY(!piece)) {
        if (!key->is_empty) drop_value(&key->value);
        return error_set(err, "it is not wanted any more");
    }
    struct rdb_ahead_key *kept = &piece->keys[piece->count++];
    kept->key = *key;
    kept->key.key = keep_text(piece, key->key);
    if (has_text) kept->key.value.text = keep_text(piece, key->value.text);
    kept->hash = key_table_hash(ahead->hash_key, key->key);
    kept->end = offset(ahead);
    if (UNLIKELY(piece->long_text != NULL)) put_values(ahead);
    return true;
}

static bool on_database(void *context, uint64_t number, struct error *err) {
    struct rdb_ahead *ahead = context;
    if (number >= (uint64_t)ahead->databases)
        return error_set(err, "database %llu, but there are only %d; raise the parameter databases", (unsigned long long)number,
                         ahead->databases);
    struct rdb_ahead_piece *piece = begin_other(ahead, RDB_AHEAD_DATABASE);
    if (piece) piece->number = number;
    return end_other(ahead, piece, err);
}

/* A key takes four bytes at least. */
static void on_sizes(void *context, uint64_t keys, uint64_t expiring) {
    struct rdb_ahead *ahead = context;
    uint64_t most = ahead->size ? (ahead->size - MIN(ahead->size, offset(ahead))) / 4 : RDB_AHEAD_RESERVE;
    struct rdb_ahead_piece *piece = begin_other(ahead, RDB_AHEAD_SIZES);
    if (piece) piece->number = MIN(keys, most);
    (void)end_other(ahead, piece, NULL);
}

static struct slice start_of(struct slice text) {
    return slice_make(text.data, MIN(text.size, RDB_AHEAD_TEXT_BYTES / 2));
}

static void on_field(void *context, struct slice name, struct slice value) {
    struct rdb_ahead *ahead = context;
    struct rdb_ahead_piece *piece = begin_other(ahead, RDB_AHEAD_FIELD);
    if (piece) piece->name = keep_text(piece, start_of(name));
    if (piece) piece->value = keep_text(piece, start_of(value));
    (void)end_other(ahead, piece, NULL);
}

static void on_library(void *context, struct slice code) {
    struct rdb_ahead *ahead = context;
    (void)end_other(ahead, begin_other(ahead, RDB_AHEAD_LIBRARY), NULL);
}

static bool is_stopped(struct rdb_ahead *ahead) {
    pthread_mutex_lock(&ahead->lock);
    bool stop = ahead->stop;
    pthread_mutex_unlock(&ahead->lock);
    return stop;
}

/* Moves what was fed to `rest`; waits for it. False: there is no more. */
static bool take_fed(struct rdb_ahead *ahead) {
    pthread_mutex_lock(&ahead->lock);
    while (!ahead->fed.size && !ahead->is_all && !ahead->stop) pthread_cond_wait(&ahead->changed, &ahead->lock);
    bool has_come = ahead->fed.size > 0 && !ahead->stop;
    struct bytes fed = ahead->fed;
    if (has_come && !ahead->rest.size) { /* which is usual: the two change places */
        ahead->fed = ahead->rest;
        ahead->rest = fed;
    } else if (has_come) {
        bytes_add_slice(&ahead->rest, bytes_slice(&fed));
        bytes_clear(&ahead->fed);
    }
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    return has_come;
}

static enum rdb_result step_fed(struct rdb_ahead *ahead, struct error *err) {
    put_values(ahead); /* waiting may take long */
    if (!take_fed(ahead)) {
        error_set(err, "it ends after %llu bytes, too early", (unsigned long long)offset(ahead));
        return RDB_BAD;
    }
    if (ahead->rest.size < ahead->wanted) return RDB_MORE;
    struct rdb_in in = {.at = ahead->rest.data, .end = ahead->rest.data + ahead->rest.size};
    enum rdb_result result = rdb_loader_feed(ahead->loader, &in, err);
    size_t left = rdb_in_left(&in);
    bytes_drop_front(&ahead->rest, ahead->rest.size - left);
    ahead->wanted = result == RDB_MORE ? in.wanted : 0;
    return result;
}

/* After the end: whether nothing follows it. */
static bool ends_there(struct rdb_ahead *ahead, struct error *err) {
    if (!ahead->rest.size && !take_fed(ahead)) return true;
    return error_set(err, "there is more behind the end of the data");
}

static void run(struct worker_job *job) {
    struct rdb_ahead *ahead = container_of(job, struct rdb_ahead, job);
    struct error err = {""};
    enum rdb_result result;
    do result = ahead->file ? rdb_file_step(ahead->file, &err) : step_fed(ahead, &err);
    while (result == RDB_MORE && !is_stopped(ahead));
    if (!ahead->file && result == RDB_OK && !ends_there(ahead, &err)) result = RDB_BAD;
    struct rdb_ahead_piece *piece = begin_other(ahead, RDB_AHEAD_END);
    if (!piece) return;
    piece->result = result;
    piece->err = err;
    piece->at = offset(ahead);
    put(ahead);
}

/* ---- the caller's side ---- */

static struct rdb_ahead *new(const struct rdb_rules *rules, const struct hash_key *hash_key, int databases, bool verify_checksum) {
    struct rdb_ahead *ahead = mem_alloc(sizeof *ahead); /* not the pieces, which are large */
    memset(ahead, 0, offsetof(struct rdb_ahead, pieces));
    struct rdb_sink sink = {
        .context = ahead, .database = on_database, .sizes = on_sizes, .key = on_key, .field = on_field, .library = on_library};
    ahead->loader = rdb_loader_new(rules, &sink, verify_checksum);
    ahead->hash_key = hash_key;
    ahead->databases = databases;
    return ahead;
}

static void start(struct rdb_ahead *ahead) {
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0 && pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_mutex_init(&ahead->lock, NULL) == 0 && pthread_cond_init(&ahead->changed, &attributes) == 0);
    CHECK(pthread_condattr_destroy(&attributes) == 0);
    ahead->job.run = run;
    ahead->worker = worker_new("kvd-load", NULL, NULL);
    worker_submit(ahead->worker, &ahead->job);
}

enum rdb_file_opened rdb_ahead_open(struct rdb_ahead **place, const char *path, const struct rdb_rules *rules,
                                    const struct hash_key *hash_key, int databases, bool verify_checksum, struct error *err) {
    struct rdb_ahead *ahead = new(rules, hash_key, databases, verify_checksum);
    enum rdb_file_opened opened = rdb_file_open(&ahead->file, path, &ahead->loader, err);
    if (opened != RDB_FILE_OPEN) {
        rdb_loader_free(&ahead->loader);
        mem_free(ahead);
        return opened;
    }
    ahead->size = rdb_file_size(ahead->file);
    start(ahead);
    *place = ahead;
    return RDB_FILE_OPEN;
}

struct rdb_ahead *rdb_ahead_new(const struct rdb_rules *rules, const struct hash_key *hash_key, int databases, bool verify_checksum,
                                uint64_t size) {
    struct rdb_ahead *ahead = new(rules, hash_key, databases, verify_checksum);
    ahead->size = size;
    start(ahead);
    return ahead;
}

size_t rdb_ahead_feed(struct rdb_ahead *ahead, struct slice bytes) {
    pthread_mutex_lock(&ahead->lock);
    bytes_add_slice(&ahead->fed, bytes);
    size_t waiting = ahead->fed.size;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    return waiting;
}

size_t rdb_ahead_waiting(struct rdb_ahead *ahead) {
    pthread_mutex_lock(&ahead->lock);
    size_t waiting = ahead->fed.size;
    pthread_mutex_unlock(&ahead->lock);
    return waiting;
}

void rdb_ahead_feed_end(struct rdb_ahead *ahead) {
    pthread_mutex_lock(&ahead->lock);
    ahead->is_all = true;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
}

uint64_t rdb_ahead_size(const struct rdb_ahead *ahead) {
    return ahead->size;
}

struct rdb_ahead_piece *rdb_ahead_next(struct rdb_ahead *ahead, unsigned wait_ms) {
    struct timespec until;
    int waited = 0;
    pthread_mutex_lock(&ahead->lock);
    if (ahead->put == ahead->taken) {
        CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
        until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
        until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
    }
    while (ahead->put == ahead->taken && !waited) waited = pthread_cond_timedwait(&ahead->changed, &ahead->lock, &until);
    struct rdb_ahead_piece *piece = ahead->put == ahead->taken ? NULL : &ahead->pieces[ahead->taken % PIECES];
    pthread_mutex_unlock(&ahead->lock);
    return piece;
}

static void empty(struct rdb_ahead_piece *piece) {
    if (piece->what != RDB_AHEAD_VALUES) return;
    for (; piece->taken < piece->count; piece->taken++)
        if (!piece->keys[piece->taken].key.is_empty) drop_value(&piece->keys[piece->taken].key.value);
    mem_free(piece->long_text);
}

void rdb_ahead_done(struct rdb_ahead *ahead) {
    empty(&ahead->pieces[ahead->taken % PIECES]); /* ours until `taken` says otherwise */
    pthread_mutex_lock(&ahead->lock);
    ahead->taken++;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
}

void rdb_ahead_close(struct rdb_ahead **place) {
    struct rdb_ahead *ahead = *place;
    if (!ahead) return;
    *place = NULL;
    pthread_mutex_lock(&ahead->lock);
    ahead->stop = true;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    worker_free(&ahead->worker);
    for (; ahead->taken < ahead->put; ahead->taken++) empty(&ahead->pieces[ahead->taken % PIECES]);
    if (ahead->filling) empty(ahead->filling);
    rdb_file_close(&ahead->file);
    rdb_loader_free(&ahead->loader);
    bytes_fini(&ahead->rest);
    bytes_fini(&ahead->fed);
    CHECK(pthread_mutex_destroy(&ahead->lock) == 0 && pthread_cond_destroy(&ahead->changed) == 0);
    mem_free(ahead);
}
