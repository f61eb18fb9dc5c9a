#include "store/persist/rdb_write.h"
#include "base/intset.h"
#include "base/listpack.h"
#include "base/mem.h"
#include "store/persist/rdb_stream.h"
#include "store/types/hash_value.h"
#include "store/types/list_value.h"
#include "store/types/set_value.h"
#include "store/types/str.h"
#include "store/types/zset_value.h"

/* Only fields that end need what Redis knows from 7.4 on. */
static enum rdb_type hash_type(const struct value *hash) {
    if (hash->encoding == VALUE_LISTPACK || hash->encoding == VALUE_SHORT) return RDB_HASH_LISTPACK;
    if (!hash_value_has_deadlines(hash)) return RDB_HASH;
    return hash->encoding == VALUE_LISTPACKEX ? RDB_HASH_LISTPACK_EX : RDB_HASH_METADATA;
}

enum rdb_type rdb_type_of(const struct value *value) {
    switch ((enum value_type)value->type) {
    case VALUE_STRING: return RDB_STRING;
    case VALUE_LIST: return RDB_LIST_QUICKLIST_2;
    case VALUE_SET: return value->encoding == VALUE_INTSET ? RDB_SET_INTSET : RDB_SET;
    case VALUE_HASH: return hash_type(value);
    case VALUE_ZSET: return value->encoding == VALUE_LISTPACK ? RDB_ZSET_LISTPACK : RDB_ZSET_2;
    case VALUE_STREAM: return RDB_STREAM_LISTPACKS_2;
    case VALUE_TYPE_COUNT: break;
    }
    UNREACHABLE("a type of value");
}

int rdb_version_for(enum rdb_type type) {
    return type >= RDB_SET_LISTPACK && type < RDB_TYPE_END ? RDB_VERSION_NEW : RDB_VERSION_OLD;
}

static void write_string(struct rdb_out *out, const struct value *value) {
    switch ((enum value_form)value->form) {
    case VALUE_NUMBER: rdb_out_number(out, value->number); return;
    case VALUE_TEXT: rdb_out_text(out, value->text); return;
    case VALUE_OBJECT: rdb_out_text(out, str_text(value->object)); return;
    }
    UNREACHABLE("a form of value");
}

static void write_list(struct rdb_out *out, const struct value *list) {
    size_t count = list_value_node_count(list);
    rdb_out_length(out, count);
    for (size_t i = 0; i < count; i++) {
        struct list_node_image image;
        list_value_node(list, i, &image);
        rdb_out_length(out, image.is_plain ? RDB_NODE_PLAIN : RDB_NODE_PACKED);
        rdb_out_text(out, image.bytes);
        list_node_image_end(&image);
    }
}

static bool write_member(void *context, struct slice member) {
    rdb_out_text(context, member);
    return true;
}

/* Redis 7.0 does not know packed sets: they are written as others are. */
static void write_set(struct rdb_out *out, const struct value *set) {
    if (set->encoding == VALUE_INTSET) {
        struct bytes dump = {0};
        intset_dump(set->object, &dump);
        rdb_out_text(out, bytes_slice(&dump));
        bytes_fini(&dump);
        return;
    }
    rdb_out_length(out, set_value_count(set));
    set_value_each(set, write_member, out);
}

static void write_field(void *context, const struct hash_item *item) {
    rdb_out_text(context, item->field);
    rdb_out_text(context, item->text);
}

/* Deadlines are told by how much they are later than the earliest: 1 is the earliest, 0 none. */
struct ending_fields {
    struct rdb_out *out;
    int64_t         earliest_ms;
};

static void write_ending_field(void *context, const struct hash_item *item) {
    const struct ending_fields *all = context;
    rdb_out_length(all->out, item->deadline_ms == HASH_NEVER ? 0 : (uint64_t)(item->deadline_ms - all->earliest_ms) + 1);
    write_field(all->out, item);
}

static void write_packed_hash(struct rdb_out *out, const struct value *hash) {
    struct listpack *made = hash->encoding == VALUE_SHORT ? hash_short_to_listpack(hash->text) : NULL;
    rdb_out_text(out, listpack_bytes(made ? made : hash_value_listpack(hash)));
    mem_free(made);
}

static void write_hash(struct rdb_out *out, const struct value *hash) {
    struct ending_fields ending = {out, hash_value_earliest_ms(hash)};
    switch (hash_type(hash)) {
    case RDB_HASH_LISTPACK_EX:
        rdb_out_u64(out, (uint64_t)ending.earliest_ms);
        rdb_out_text(out, listpack_bytes(hash_value_listpack(hash)));
        return;
    case RDB_HASH_LISTPACK: write_packed_hash(out, hash); return;
    case RDB_HASH_METADATA:
        rdb_out_u64(out, (uint64_t)ending.earliest_ms);
        rdb_out_length(out, hash_value_count(hash));
        hash_value_walk(hash, HASH_SEE_ALL, write_ending_field, &ending);
        return;
    default:
        rdb_out_length(out, hash_value_count(hash));
        hash_value_walk(hash, HASH_SEE_ALL, write_field, out);
    }
}

/* From the last to the first, as Redis does: it then puts each at the head of what it has. */
static void write_zset(struct rdb_out *out, const struct value *zset) {
    if (zset->encoding == VALUE_LISTPACK) {
        struct listpack *listpack = zset_value_to_listpack(zset);
        rdb_out_text(out, listpack_bytes(listpack));
        mem_free(listpack);
        return;
    }
    struct zset_walk walk;
    struct zset_item item;
    size_t count = zset_value_count(zset);
    rdb_out_length(out, count);
    zset_walk_start(&walk, zset, count - 1, count, true);
    while (zset_walk_next(&walk, &item)) {
        rdb_out_text(out, item.member);
        rdb_out_double(out, item.score);
    }
}

void rdb_write_value(struct rdb_out *out, const struct value *value) {
    switch ((enum value_type)value->type) {
    case VALUE_STRING: write_string(out, value); return;
    case VALUE_LIST: write_list(out, value); return;
    case VALUE_SET: write_set(out, value); return;
    case VALUE_HASH: write_hash(out, value); return;
    case VALUE_ZSET: write_zset(out, value); return;
    case VALUE_STREAM: rdb_stream_write(out, value->object); return;
    case VALUE_TYPE_COUNT: break;
    }
    UNREACHABLE("a type of value");
}
