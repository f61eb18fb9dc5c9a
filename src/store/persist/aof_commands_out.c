#include "store/persist/aof_commands_out.h"
#include "base/number.h"
#include "store/keyspace/databases.h"
#include "store/types/hash_value.h"
#include "store/types/list_value.h"
#include "store/types/set_value.h"
#include "store/types/stream_group.h"
#include "store/types/zset_value.h"

enum { GROUP = 64 /* elements of one command */, PROGRESS_KEYS = 1024 };

struct writing {
    struct rdb_out            *out;
    aof_commands_out_progress *progress;
    void                      *context;
    uint64_t                   keys;
    bool                       is_over;
};

/* ---- RESP ---- */

static void head(struct rdb_out *out, char sign, size_t count) {
    char text[NUMBER_TEXT_SIZE + 3];
    text[0] = sign;
    size_t size = 1 + number_print_uint(text + 1, count);
    memcpy(text + size, "\r\n", 2);
    rdb_out_bytes(out, text, size + 2);
}

static void add(struct rdb_out *out, struct slice text) {
    head(out, '$', text.size);
    rdb_out_bytes(out, text.data, text.size);
    rdb_out_bytes(out, "\r\n", 2);
}

static void add_number(struct rdb_out *out, int64_t number) {
    char text[NUMBER_TEXT_SIZE];
    add(out, slice_make(text, number_print_int(text, number)));
}

static void add_uint(struct rdb_out *out, uint64_t number) {
    char text[NUMBER_TEXT_SIZE];
    add(out, slice_make(text, number_print_uint(text, number)));
}

static void add_double(struct rdb_out *out, double number) {
    char text[40];
    add(out, slice_make(text, number_print_double(text, number)));
}

static void add_id(struct rdb_out *out, struct entry_id id) {
    char text[2 * NUMBER_TEXT_SIZE];
    size_t size = number_print_uint(text, id.ms);
    text[size++] = '-';
    size += number_print_uint(text + size, id.seq);
    add(out, slice_make(text, size));
}

/* The beginning of a command of `argc` words, two of which are these. */
static void begin(struct rdb_out *out, size_t argc, struct slice name, struct slice key) {
    head(out, '*', argc);
    add(out, name);
    add(out, key);
}

/* ---- collections: a new command every GROUP elements ---- */

struct grouping {
    struct rdb_out *out;
    struct slice    name, key;
    size_t          left, in_group, words; /* elements to come; ... of this command; words of each */
};

static void next_element(struct grouping *all) {
    if (all->in_group == 0) {
        all->in_group = MIN(all->left, (size_t)GROUP);
        begin(all->out, 2 + all->in_group * all->words, all->name, all->key);
    }
    all->in_group--;
    all->left--;
}

static void write_list(struct rdb_out *out, struct slice key, const struct value *list) {
    struct grouping all = {out, SLICE("RPUSH"), key, list_value_count(list), 0, 1};
    struct list_walk walk;
    struct slice text;
    list_walk_start(&walk, list, 0);
    while (list_walk_next(&walk, &text)) {
        next_element(&all);
        add(out, text);
    }
    list_walk_end(&walk);
}

static bool write_member(void *context, struct slice member) {
    struct grouping *all = context;
    next_element(all);
    add(all->out, member);
    return true;
}

static void write_set(struct rdb_out *out, struct slice key, const struct value *set) {
    struct grouping all = {out, SLICE("SADD"), key, set_value_count(set), 0, 1};
    set_value_each(set, write_member, &all);
}

static void write_field(void *context, const struct hash_item *item) {
    struct grouping *all = context;
    next_element(all);
    add(all->out, item->field);
    add(all->out, item->text);
}

static void write_deadline(void *context, const struct hash_item *item) {
    const struct grouping *all = context;
    if (item->deadline_ms == HASH_NEVER) return;
    begin(all->out, 6, SLICE("HPEXPIREAT"), all->key);
    add_number(all->out, item->deadline_ms);
    add(all->out, SLICE("FIELDS"));
    add_number(all->out, 1);
    add(all->out, item->field);
}

static void write_hash(struct rdb_out *out, struct slice key, const struct value *hash) {
    struct grouping all = {out, SLICE("HMSET"), key, hash_value_count(hash), 0, 2};
    hash_value_walk(hash, HASH_SEE_ALL, write_field, &all);
    if (hash_value_has_deadlines(hash)) hash_value_walk(hash, HASH_SEE_ALL, write_deadline, &all);
}

static void write_zset(struct rdb_out *out, struct slice key, const struct value *zset) {
    size_t count = zset_value_count(zset);
    struct grouping all = {out, SLICE("ZADD"), key, count, 0, 2};
    struct zset_walk walk;
    struct zset_item item;
    zset_walk_start(&walk, zset, 0, count, false);
    while (zset_walk_next(&walk, &item)) {
        next_element(&all);
        add_double(out, item.score);
        add(out, item.member);
    }
}

/* ---- streams ---- */

static void write_entries(struct rdb_out *out, struct slice key, const struct stream *stream) {
    struct stream_walk walk;
    stream_walk_start(&walk, stream, (struct entry_id){0, 0}, (struct entry_id){UINT64_MAX, UINT64_MAX}, false);
    while (stream_walk_next(&walk)) {
        char buffer[NUMBER_TEXT_SIZE];
        struct stream_fields fields = stream_node_fields(&walk.entry);
        begin(out, 3 + 2 * walk.entry.field_count, SLICE("XADD"), key);
        add_id(out, walk.entry.id);
        while (stream_node_next_field(&fields)) {
            add(out, listpack_text(fields.name, buffer));
            add(out, listpack_text(fields.value, buffer));
        }
    }
    if (stream->length) return;
    /* There is no other way to an empty stream whose groups and ids are kept. */
    begin(out, 7, SLICE("XADD"), key);
    add(out, SLICE("MAXLEN"));
    add_number(out, 0);
    add(out, SLICE("0-1"));
    add(out, SLICE("x"));
    add(out, SLICE("y"));
}

static void write_pending(struct rdb_out *out, struct slice key, const struct stream_group *group,
                          const struct stream_consumer *consumer) {
    const struct index_item *item;
    for (struct index_place place = stream_index_first(&consumer->pending); (item = stream_index_at(&consumer->pending, place));
         place = stream_index_next(&consumer->pending, place)) {
        const struct stream_nack *nack = item->value;
        begin(out, 12, SLICE("XCLAIM"), key);
        add(out, group->name);
        add(out, consumer->name);
        add_number(out, 0);
        add_id(out, item->id);
        add(out, SLICE("TIME"));
        add_number(out, nack->delivered_ms);
        add(out, SLICE("RETRYCOUNT"));
        add_uint(out, nack->deliveries);
        add(out, SLICE("JUSTID"));
        add(out, SLICE("FORCE"));
    }
}

static void begin_group(struct rdb_out *out, size_t argc, struct slice what, struct slice key, const struct stream_group *group) {
    head(out, '*', argc);
    add(out, SLICE("XGROUP"));
    add(out, what);
    add(out, key);
    add(out, group->name);
}

static void write_group(struct rdb_out *out, struct slice key, const struct stream_group *group) {
    begin_group(out, 7, SLICE("CREATE"), key, group);
    add_id(out, group->last_id);
    add(out, SLICE("ENTRIESREAD"));
    add_number(out, group->entries_read);
    for (uint32_t i = 0; i < group->consumer_count; i++) {
        const struct stream_consumer *consumer = group->consumers[i];
        if (!stream_index_count(&consumer->pending)) { /* XCLAIM makes the others */
            begin_group(out, 5, SLICE("CREATECONSUMER"), key, group);
            add(out, consumer->name);
        }
        write_pending(out, key, group, consumer);
    }
}

static void write_stream(struct rdb_out *out, struct slice key, const struct stream *stream) {
    write_entries(out, key, stream);
    begin(out, 7, SLICE("XSETID"), key);
    add_id(out, stream->last_id);
    add(out, SLICE("ENTRIESADDED"));
    add_uint(out, stream->entries_added);
    add(out, SLICE("MAXDELETEDID"));
    add_id(out, stream->max_deleted_id);
    for (uint32_t i = 0; i < stream->group_count; i++) write_group(out, key, stream->groups[i]);
}

/* ---- keys ---- */

static void write_string(struct rdb_out *out, struct slice key, const struct record *record) {
    char buffer[NUMBER_TEXT_SIZE];
    begin(out, 3, SLICE("SET"), key);
    add(out, record_text(record, buffer));
}

static void write_value(struct rdb_out *out, struct slice key, const struct record *record) {
    struct value value = record_value(record);
    switch ((enum value_type)value.type) {
    case VALUE_STRING: write_string(out, key, record); return;
    case VALUE_LIST: write_list(out, key, &value); return;
    case VALUE_SET: write_set(out, key, &value); return;
    case VALUE_HASH: write_hash(out, key, &value); return;
    case VALUE_ZSET: write_zset(out, key, &value); return;
    case VALUE_STREAM: write_stream(out, key, value.object); return;
    case VALUE_TYPE_COUNT: break;
    }
    UNREACHABLE("a type of value");
}

static void write_key(void *context, struct record *record) {
    struct writing *writing = context;
    int64_t expires_ms = record_expires_ms(record);
    if (writing->is_over) return;
    write_value(writing->out, record_key(record), record);
    if (expires_ms != RECORD_NEVER) {
        begin(writing->out, 3, SLICE("PEXPIREAT"), record_key(record));
        add_number(writing->out, expires_ms);
    }
    if (++writing->keys % PROGRESS_KEYS || !writing->progress) return;
    writing->is_over = !writing->progress(writing->context, writing->keys);
}

bool aof_commands_out_all(struct rdb_out *out, struct databases *databases, aof_commands_out_progress *progress, void *context) {
    struct writing writing = {.out = out, .progress = progress, .context = context};
    for (int i = 0; i < databases_count(databases) && !writing.is_over; i++) {
        const struct keyspace *keyspace = databases_find(databases, i);
        uint64_t cursor = 0;
        if (!keyspace_count(keyspace)) continue;
        head(out, '*', 2);
        add(out, SLICE("SELECT"));
        add_number(out, i);
        while (keyspace_scan(keyspace, &cursor, write_key, &writing) && !writing.is_over) continue;
    }
    return !writing.is_over;
}
