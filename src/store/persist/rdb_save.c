#include "store/persist/rdb_save.h"
#include "base/number.h"
#include "store/keyspace/databases.h"
#include "store/persist/rdb_write.h"
#include "store/types/hash_value.h"

#include <stdio.h>

enum { BATCH = 64, PROGRESS_KEYS = 1024 };

/* Records are collected, so that their memory is being fetched while others are written. */
struct writing {
    struct rdb_out        *out;
    const struct keyspace *keyspace;
    const struct rdb_save *save;
    struct record         *batch[BATCH];
    size_t                 waiting;
    uint64_t               keys, told;
    bool                   is_over;
};

static void write_usage(const struct writing *writing, const struct record *record) {
    const struct keyspace_shared *shared = writing->keyspace->shared;
    if (writing->save->usage == RDB_SAVE_IDLE) {
        rdb_out_byte(writing->out, RDB_IDLE);
        rdb_out_length(writing->out, usage_idle_seconds(record->access, *shared->clock));
    } else if (writing->save->usage == RDB_SAVE_COUNT) {
        rdb_out_byte(writing->out, RDB_FREQ);
        rdb_out_byte(writing->out, usage_count(record->access, *shared->wall_ms, &shared->usage));
    }
}

static void write_record(const struct writing *writing, const struct record *record) {
    struct rdb_out *out = writing->out;
    int64_t expires_ms = record_expires_ms(record);
    struct value value = record_value(record);
    if (expires_ms != RECORD_NEVER) {
        rdb_out_byte(out, RDB_EXPIRE_MS);
        rdb_out_u64(out, (uint64_t)expires_ms);
    }
    write_usage(writing, record);
    rdb_out_byte(out, rdb_type_of(&value));
    rdb_out_text(out, record_key(record));
    rdb_write_value(out, &value);
}

static void write_batch(struct writing *writing) {
    for (size_t i = 0; i < writing->waiting; i++)
        if (!record_is_inline(writing->batch[i])) __builtin_prefetch(record_object(writing->batch[i]));
    for (size_t i = 0; i < writing->waiting && !writing->is_over; i++) write_record(writing, writing->batch[i]);
    writing->keys += writing->waiting;
    writing->waiting = 0;
    if (writing->keys - writing->told < PROGRESS_KEYS || !writing->save->progress) return;
    writing->told = writing->keys;
    writing->is_over = !writing->save->progress(writing->save->context, writing->keys);
}

static void collect(void *context, struct record *record) {
    struct writing *writing = context;
    __builtin_prefetch(record);
    writing->batch[writing->waiting++] = record;
    if (writing->waiting == BATCH) write_batch(writing);
}

static void write_database(struct writing *writing, const struct keyspace *keyspace) {
    struct rdb_out *out = writing->out;
    rdb_out_byte(out, RDB_SELECT_DB);
    rdb_out_length(out, (uint64_t)keyspace->id);
    rdb_out_byte(out, RDB_RESIZE_DB);
    rdb_out_length(out, keyspace_count(keyspace));
    rdb_out_length(out, keyspace->expiring);
    uint64_t cursor = 0;
    writing->keyspace = keyspace;
    while (keyspace_scan(keyspace, &cursor, collect, writing) && !writing->is_over) continue;
    write_batch(writing);
}

static void write_field(struct rdb_out *out, const char *name, struct slice value) {
    rdb_out_byte(out, RDB_AUX);
    rdb_out_text(out, slice_text(name));
    rdb_out_text(out, value);
}

static void write_number_field(struct rdb_out *out, const char *name, int64_t number) {
    char text[NUMBER_TEXT_SIZE];
    write_field(out, name, slice_make(text, number_print_int(text, number)));
}

static void write_place(struct rdb_out *out, const struct rdb_place *place) {
    if (!*place->id) return;
    write_number_field(out, "repl-stream-db", place->stream_db);
    write_field(out, "repl-id", slice_text(place->id));
    write_number_field(out, "repl-offset", place->offset);
}

static void note_deadlines(void *context, struct record *record) {
    if (record_type(record) != VALUE_HASH) return;
    struct value hash = record_value(record);
    *(bool *)context |= hash_value_has_deadlines(&hash);
}

/* Whether fields of hashes have deadlines, which older versions cannot say. Looked for only where some ever had. */
static bool has_field_deadlines(const struct keyspace *keyspace) {
    uint64_t cursor = 0;
    bool found = false;
    if (keyspace->field_timers || keyspace->old_field_timers)
        while (keyspace_scan(keyspace, &cursor, note_deadlines, &found) && !found) continue;
    return found;
}

static int version_for(struct databases *databases) {
    for (int i = 0; i < databases_count(databases); i++)
        if (has_field_deadlines(databases_find(databases, i))) return RDB_VERSION_NEW;
    return RDB_VERSION_OLD;
}

bool rdb_save_all(struct rdb_out *out, struct databases *databases, const struct rdb_save *save) {
    struct writing writing = {.out = out, .save = save};
    char head[RDB_HEAD_BYTES + 1];
    snprintf(head, sizeof head, "REDIS%04d", version_for(databases));
    rdb_out_bytes(out, head, RDB_HEAD_BYTES);
    write_field(out, "redis-ver", slice_text(save->server_version));
    write_number_field(out, "redis-bits", sizeof(void *) * 8);
    write_number_field(out, "ctime", save->wall_s);
    write_number_field(out, "used-mem", (int64_t)save->used_memory);
    write_number_field(out, "aof-base", save->is_aof_base);
    write_place(out, &save->place);
    for (int i = 0; i < databases_count(databases) && !writing.is_over && !save->without_keys; i++) {
        const struct keyspace *keyspace = databases_find(databases, i);
        if (keyspace_count(keyspace)) write_database(&writing, keyspace);
    }
    rdb_out_byte(out, RDB_END);
    return !writing.is_over;
}
