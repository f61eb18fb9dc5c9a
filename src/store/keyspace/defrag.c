#include "store/keyspace/defrag.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"

struct defrag_settings {
#define PARAM(name, field, type, ...) PARAM_FIELD_##type(field)
#include "store/keyspace/defrag_param.def"
#undef PARAM
};

enum {
    SLICE_MAX_US = 500,
    LOOK_EVERY_US = 1000000, /* between two looks at how fragmented memory is */
    REST_US = 10000000,      /* after a walk that was of no use */
    USEFUL_SHARE = 50,       /* at least one block in so many was moved */
    BATCH = 64               /* keys between two looks at the clock, at most */
};

struct defrag {
    struct defrag_settings settings;
    struct loop           *loop;
    struct databases      *databases;
    struct loop_timer      timer;
    struct defrag_stats    stats;
    int64_t                looked_us, began_us;
    unsigned               percent;
    uint64_t               walk_hits, walk_misses; /* as the walk began */
    /* Where the walk is. */
    int      database;
    uint64_t cursor;
    bool     is_last; /* the bucket before the cursor was the database's last */
    /* The value that is moved piece by piece, found again by its key's hash. */
    bool     has_large;
    uint64_t large_hash, large_cursor;
    size_t   large_moved;
};

static const struct param rows[] = {
#define PARAM(name, field, type, ...) PARAM_ROW(struct defrag_settings, name, field, type, __VA_ARGS__)
#include "store/keyspace/defrag_param.def"
#undef PARAM
};

static bool check_enabled(void *context, const struct param_values *values, struct error *err) {
    if (strcmp(values->items[0].text, "yes") != 0 || mem_can_defrag()) return true;
    return error_set(err, "Active defragmentation cannot be enabled: it needs a jemalloc that tells how full its runs are");
}

struct defrag *defrag_new(struct loop *loop, struct params *params, struct databases *databases) {
    struct defrag *defrag = mem_zalloc(sizeof *defrag);
    defrag->loop = loop;
    defrag->databases = databases;
    params_add(params, rows, COUNT_OF(rows), &defrag->settings);
    params_bind(params, "activedefrag", (struct param_binding){.check = check_enabled}, defrag);
    return defrag;
}

void defrag_free(struct defrag **place) {
    struct defrag *defrag = *place;
    if (!defrag) return;
    *place = NULL;
    loop_timer_stop(&defrag->timer);
    mem_free(defrag);
}

/* ---- moving ---- */

static void count(struct defrag *defrag, size_t moved, size_t left) {
    defrag->stats.hits += moved;
    defrag->stats.misses += left;
}

/* A piece of the record's object, from `*cursor` on. Returns how many blocks were moved. */
static size_t move_object(struct defrag *defrag, struct record *record, uint64_t *cursor) {
    void *object = record_object(record);
    size_t moved = 0, left = 0;
    void *now = value_defrag_object(record_type(record), record_encoding(record), object, cursor, &moved, &left);
    if (now != object) record_set_object(record, now);
    count(defrag, moved, left);
    return moved;
}

static void finish_key(struct defrag *defrag, size_t moved) {
    *(moved ? &defrag->stats.key_hits : &defrag->stats.key_misses) += 1;
}

static struct record *move_record(struct defrag *defrag, struct keyspace *keyspace, struct record *record) {
    /* Its key is needed to find its slot, so it is looked up before. */
    struct slice key = record_key(record);
    uint64_t *slot, hash = key_table_hash(&keyspace->shared->hash_key, key);
    if (key_table_find(keyspace->table, key, hash, &slot) != record) return record;
    struct record *copy = mem_defrag(record);
    count(defrag, copy != NULL, copy == NULL);
    if (!copy) return record;
    key_table_replace(slot, copy);
    return copy;
}

static void move_key(struct defrag *defrag, struct keyspace *keyspace, struct record *record) {
    struct record *now = move_record(defrag, keyspace, record);
    size_t moved = now != record;
    if (!record_is_inline(now)) {
        size_t effort = value_free_effort(record_type(now), record_encoding(now), record_object(now));
        uint64_t cursor = 0;
        if (effort > defrag->settings.max_scan_fields) {
            defrag->has_large = true;
            defrag->large_hash = key_table_hash(&keyspace->shared->hash_key, record_key(now));
            defrag->large_cursor = 0;
            defrag->large_moved = moved;
            return;
        }
        do moved += move_object(defrag, now, &cursor);
        while (cursor);
    }
    finish_key(defrag, moved);
}

struct found {
    const struct keyspace *keyspace;
    uint64_t               hash;
    struct record         *records[BATCH];
    unsigned               count;
};

static void note(void *context, struct record *record) {
    struct found *found = context;
    if (found->count < BATCH) found->records[found->count++] = record;
}

static void note_same(void *context, struct record *record) {
    struct found *found = context;
    uint64_t hash = key_table_hash(&found->keyspace->shared->hash_key, record_key(record));
    if (hash == found->hash && !record_is_inline(record)) note(context, record);
}

static void move_large(struct defrag *defrag, struct keyspace *keyspace) {
    struct found found = {.keyspace = keyspace, .hash = defrag->large_hash};
    if (keyspace->table) key_table_each_like(keyspace->table, defrag->large_hash, note_same, &found);
    if (found.count) defrag->large_moved += move_object(defrag, found.records[0], &defrag->large_cursor);
    if (found.count && defrag->large_cursor) return;
    defrag->has_large = false;
    finish_key(defrag, defrag->large_moved);
}

/* A bucket, or a piece of a large value. False: all keys of all databases have been passed. */
static bool step(struct defrag *defrag) {
    if (defrag->database >= defrag->databases->count) return false;
    struct keyspace *keyspace = &defrag->databases->all[defrag->database];
    if (defrag->has_large) {
        move_large(defrag, keyspace);
    } else {
        struct found found = {.keyspace = keyspace};
        defrag->is_last = !keyspace_scan(keyspace, &defrag->cursor, note, &found);
        /* What follows a large value in its bucket is left to the next walk. */
        for (unsigned i = 0; i < found.count && !defrag->has_large; i++) move_key(defrag, keyspace, found.records[i]);
    }
    if (defrag->is_last && !defrag->has_large) {
        defrag->is_last = false;
        defrag->database++;
    }
    return true;
}

/* ---- when, and how much ---- */

/* Percent of a processor that the present fragmentation is worth. 0: none. */
static unsigned effort_now(const struct defrag *defrag) {
    const struct defrag_settings *settings = &defrag->settings;
    struct mem_stats memory;
    if (!settings->enabled) return 0;
    mem_read_stats(&memory);
    size_t wasted = memory.active > memory.allocated ? memory.active - memory.allocated : 0;
    double percent = memory.allocated ? (double)wasted * 100 / (double)memory.allocated : 0;
    if (percent < (double)settings->threshold_lower || wasted < settings->ignore_bytes) return 0;
    if (settings->threshold_upper <= settings->threshold_lower || percent >= (double)settings->threshold_upper)
        return (unsigned)settings->cycle_max;
    double share = (percent - (double)settings->threshold_lower) /
                   (double)(settings->threshold_upper - settings->threshold_lower);
    double effort = (double)settings->cycle_min + share * ((double)settings->cycle_max - (double)settings->cycle_min);
    return (unsigned)MAX(effort, 1.0);
}

static void stop(struct defrag *defrag) {
    defrag->stats.total_us += clock_now_us() - defrag->began_us;
    defrag->percent = 0;
    defrag->has_large = defrag->is_last = false;
    loop_timer_stop(&defrag->timer);
    LOG_WRITE(LOG_VERBOSE, "Active defragmentation done: %llu blocks moved so far", (unsigned long long)defrag->stats.hits);
}

/* Once around: is it enough? A walk that moved next to nothing is not worth repeating soon. */
static void end_walk(struct defrag *defrag, int64_t now_us) {
    uint64_t moved = defrag->stats.hits - defrag->walk_hits, left = defrag->stats.misses - defrag->walk_misses;
    bool was_useful = moved * USEFUL_SHARE >= moved + left;
    defrag->database = 0;
    defrag->cursor = 0;
    defrag->walk_hits = defrag->stats.hits;
    defrag->walk_misses = defrag->stats.misses;
    defrag->percent = was_useful ? effort_now(defrag) : 0;
    defrag->looked_us = was_useful ? now_us : now_us + REST_US;
}

static void run_slice(struct loop_timer *timer) {
    struct defrag *defrag = container_of(timer, struct defrag, timer);
    int64_t begin_us = clock_now_us(), now_us = begin_us;
    bool more = true;
    (void)databases_count(defrag->databases);
    while (more && now_us - begin_us < SLICE_MAX_US) {
        for (unsigned i = 0; i < BATCH / 8 && more; i++) more = step(defrag);
        now_us = clock_now_us();
    }
    if (!more) end_walk(defrag, now_us);
    if (!defrag->percent || !defrag->settings.enabled) {
        defrag->percent = 1; /* it did run until now */
        stop(defrag);
        return;
    }
    int64_t rest_us = (now_us - begin_us) * (100 - defrag->percent) / defrag->percent;
    loop_timer_start(defrag->loop, timer, MAX(rest_us / 1000, 1), run_slice);
}

void defrag_cron(struct defrag *defrag) {
    int64_t now_us = clock_now_us();
    if (!defrag->settings.enabled && !defrag->percent) return;
    if (now_us - defrag->looked_us < LOOK_EVERY_US) return;
    defrag->looked_us = now_us;
    unsigned effort = effort_now(defrag);
    if (defrag->percent) { /* a walk that was begun is ended, with the effort that is right now */
        if (effort) defrag->percent = effort;
        return;
    }
    if (!effort) return;
    defrag->percent = effort;
    defrag->began_us = now_us;
    defrag->database = 0;
    defrag->cursor = 0;
    defrag->is_last = false;
    defrag->walk_hits = defrag->stats.hits;
    defrag->walk_misses = defrag->stats.misses;
    LOG_WRITE(LOG_VERBOSE, "Starting active defragmentation with %u%% of a processor", effort);
    loop_timer_start(defrag->loop, &defrag->timer, 1, run_slice);
}

void defrag_read_stats(const struct defrag *defrag, struct defrag_stats *stats) {
    *stats = defrag->stats;
    stats->percent = defrag->percent;
    stats->running_us = defrag->percent ? clock_now_us() - defrag->began_us : 0;
    stats->total_us += stats->running_us;
}

void defrag_reset_stats(struct defrag *defrag) {
    defrag->stats = (struct defrag_stats){0};
    defrag->walk_hits = defrag->walk_misses = 0;
    if (defrag->percent) defrag->began_us = clock_now_us();
}
