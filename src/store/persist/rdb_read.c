#include "store/persist/rdb_read.h"
#include "base/intset.h"
#include "base/listpack.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/persist/packed_old.h"
#include "store/persist/rdb_format.h"
#include "store/persist/rdb_stream.h"
#include "store/types/list_value.h"

/* How a type is read. Element by element: each is taken as a whole or not at all. */
struct kind {
    void (*begin)(struct rdb_reader *reader); /* an empty value; NULL: the first element makes it */
    enum rdb_result (*element)(struct rdb_reader *reader, struct rdb_in *in);
    bool is_single; /* there is one element and no count of them */
    bool has_base;  /* before the count there are 8 bytes: `base` */
};

struct rdb_reader {
    struct rdb_rules   rules;
    const struct kind *kind;
    struct value       value; /* what there is of it, if `has_value` */
    bool               has_value, has_base, has_count;
    uint64_t           base; /* of a hash: the earliest deadline */
    uint64_t           left; /* elements */
    struct rdb_text    first, second;
    struct rdb_stream_in stream;
    unsigned           type;
    struct hash_room   room; /* for a hash, while it is short */
};

struct rdb_reader *rdb_reader_new(const struct rdb_rules *rules) {
    struct rdb_reader *reader = mem_zalloc(sizeof *reader);
    reader->rules = *rules;
    return reader;
}

static void drop(struct rdb_reader *reader) {
    if (reader->has_value && reader->value.form == VALUE_OBJECT)
        value_free_object(reader->value.type, reader->value.encoding, reader->value.object);
    reader->has_value = false;
    reader->kind = NULL;
}

void rdb_reader_free(struct rdb_reader **place) {
    struct rdb_reader *reader = *place;
    if (!reader) return;
    *place = NULL;
    drop(reader);
    rdb_text_fini(&reader->first);
    rdb_text_fini(&reader->second);
    mem_free(reader);
}

static void keep(struct rdb_reader *reader, struct value value) {
    reader->value = value;
    reader->has_value = true;
}

static void keep_object(struct rdb_reader *reader, enum value_type type, enum value_encoding encoding, void *object) {
    keep(reader, (struct value){.type = (uint8_t)type, .encoding = (uint8_t)encoding, .form = VALUE_OBJECT, .object = object});
}

/* ---- strings ---- */

static enum rdb_result read_string(struct rdb_reader *reader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &reader->first);
    if (result != RDB_OK) return result;
    keep(reader, reader->first.is_number ? value_of_int(reader->first.number) : value_of_text(reader->first.text));
    return RDB_OK;
}

/* ---- lists ---- */

static void begin_list(struct rdb_reader *reader) {
    keep(reader, list_value_new());
}

static enum rdb_result read_list_element(struct rdb_reader *reader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &reader->first);
    if (result != RDB_OK) return result;
    list_value_push(&reader->value, &reader->rules.list, false, &reader->first.text, 1);
    return RDB_OK;
}

static enum rdb_result read_list_ziplist(struct rdb_reader *reader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &reader->first);
    if (result != RDB_OK) return result;
    struct listpack *listpack = packed_old_ziplist(reader->first.text);
    if (!listpack) return rdb_in_bad(in, "a list's ziplist that is damaged");
    list_value_add_pack(&reader->value, &reader->rules.list, &listpack);
    return RDB_OK;
}

static enum rdb_result read_list_node(struct rdb_reader *reader, struct rdb_in *in) {
    uint64_t container;
    enum rdb_result result = rdb_in_length(in, &container);
    if (result != RDB_OK) return result;
    if (container == RDB_NODE_PLAIN) return read_list_element(reader, in);
    if (container != RDB_NODE_PACKED) return rdb_in_bad(in, "a list's node of unknown kind");
    if ((result = rdb_in_text(in, &reader->first)) != RDB_OK) return result;
    struct listpack *listpack = listpack_from_bytes(reader->first.text);
    if (!listpack) return rdb_in_bad(in, "a list's listpack that is damaged");
    list_value_add_pack(&reader->value, &reader->rules.list, &listpack);
    return RDB_OK;
}

/* ---- sets ---- */

/* The first member tells how the set is best begun. */
static enum rdb_result read_member(struct rdb_reader *reader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &reader->first);
    if (result != RDB_OK) return result;
    if (!reader->has_value) keep(reader, set_value_new_sized(&reader->rules.set, reader->left, reader->first.text));
    if (!set_value_add(&reader->value, reader->first.text, &reader->rules.set))
        return rdb_in_bad(in, "a set that has a member twice");
    return RDB_OK;
}

static enum rdb_result read_set_intset(struct rdb_reader *reader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &reader->first);
    if (result != RDB_OK) return result;
    struct intset *intset = intset_from_bytes(reader->first.text);
    if (!intset) return rdb_in_bad(in, "a set's intset that is damaged");
    reader->has_value = set_value_from_intset(&reader->value, &intset, &reader->rules.set);
    return RDB_OK;
}

static enum rdb_result read_set_listpack(struct rdb_reader *reader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &reader->first);
    if (result != RDB_OK) return result;
    struct listpack *listpack = listpack_from_bytes(reader->first.text);
    if (!listpack) return rdb_in_bad(in, "a set's listpack that is damaged");
    bool is_empty = !listpack_first(listpack);
    reader->has_value = set_value_from_listpack(&reader->value, &listpack, &reader->rules.set);
    return reader->has_value || is_empty ? RDB_OK : rdb_in_bad(in, "a set that has a member twice");
}

/* ---- hashes ---- */

static void begin_hash(struct rdb_reader *reader) {
    keep(reader, hash_value_new(&reader->room));
}

static enum rdb_result read_field(struct rdb_reader *reader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &reader->first);
    if (result != RDB_OK || (result = rdb_in_text(in, &reader->second)) != RDB_OK) return result;
    if (!hash_value_set(&reader->value, &reader->rules.hash, reader->first.text, reader->second.text))
        return rdb_in_bad(in, "a hash that has a field twice");
    return RDB_OK;
}

static enum rdb_result read_ending_field(struct rdb_reader *reader, struct rdb_in *in) {
    uint64_t later;
    enum rdb_result result = rdb_in_length(in, &later);
    if (result != RDB_OK || (result = rdb_in_text(in, &reader->first)) != RDB_OK ||
        (result = rdb_in_text(in, &reader->second)) != RDB_OK)
        return result;
    if (later && (reader->base > INT64_MAX || later - 1 > INT64_MAX - reader->base))
        return rdb_in_bad(in, "a hash's field with a deadline that is none");
    int64_t deadline_ms = later ? (int64_t)(reader->base + later - 1) : HASH_NEVER;
    if (!hash_value_put(&reader->value, &reader->rules.hash, reader->first.text, reader->second.text, deadline_ms))
        return rdb_in_bad(in, "a hash that has a field twice");
    return RDB_OK;
}

/* Fields that lie by their deadlines; always searched for duplicates: there are few, and few such hashes. */
static enum rdb_result read_hash_listpack_ex(struct rdb_reader *reader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &reader->first);
    if (result != RDB_OK) return result;
    struct listpack *listpack = listpack_from_bytes(reader->first.text);
    if (listpack && hash_value_check_listpack(listpack, true)) {
        keep(reader, hash_value_from_listpack(&listpack, true, &reader->rules.hash, &reader->room));
        return RDB_OK;
    }
    mem_free(listpack);
    return rdb_in_bad(in, "a hash's packed fields and deadlines that are damaged");
}

/* Whether every (`skip` + 1)-th entry is there once. */
static bool has_duplicates(const struct listpack *listpack, unsigned skip) {
    struct table *seen = table_new();
    char buffer[NUMBER_TEXT_SIZE];
    bool found = false;
    unsigned place = 0;
    for (struct listpack_entry *at = listpack_first(listpack); at && !found; at = listpack_next(listpack, at))
        if (place++ % (skip + 1) == 0) found = table_set(seen, listpack_text(at, buffer), seen) != NULL;
    table_free(&seen, NULL);
    return found;
}

static bool unpack_hash(struct rdb_reader *reader, const struct listpack *listpack) {
    char field_buffer[NUMBER_TEXT_SIZE], text_buffer[NUMBER_TEXT_SIZE];
    keep(reader, hash_value_new(&reader->room));
    for (struct listpack_entry *at = listpack_first(listpack); at; at = listpack_next(listpack, at)) {
        struct slice field = listpack_text(at, field_buffer);
        at = listpack_next(listpack, at);
        if (!hash_value_set(&reader->value, &reader->rules.hash, field, listpack_text(at, text_buffer))) return false;
    }
    return true;
}

/* NULL: it was damaged. */
static enum rdb_result keep_hash(struct rdb_reader *reader, struct rdb_in *in, const struct listpack *listpack) {
    if (!listpack) return rdb_in_bad(in, "a hash's packed fields that are damaged");
    size_t count = listpack_count(listpack);
    bool is_large = count / 2 > reader->rules.hash.max_entries;
    struct value hash;
    if (count % 2) return rdb_in_bad(in, "a hash's field without a value");
    if (is_large ? !unpack_hash(reader, listpack) : reader->rules.deep && has_duplicates(listpack, 1))
        return rdb_in_bad(in, "a hash that has a field twice");
    if (is_large) return RDB_OK;
    if (hash_value_from_short_listpack(listpack, &reader->rules.hash, &reader->room, &hash)) {
        keep(reader, hash);
    } else {
        struct listpack *copy = listpack_copy(listpack);
        keep(reader, hash_value_from_listpack(&copy, false, &reader->rules.hash, &reader->room));
    }
    return RDB_OK;
}

static enum rdb_result read_hash_listpack(struct rdb_reader *reader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &reader->first);
    return result == RDB_OK ? keep_hash(reader, in, listpack_in_bytes(reader->first.text)) : result;
}

static enum rdb_result keep_old_hash(struct rdb_reader *reader, struct rdb_in *in, struct listpack *listpack) {
    enum rdb_result result = keep_hash(reader, in, listpack);
    mem_free(listpack);
    return result;
}

static enum rdb_result read_hash_ziplist(struct rdb_reader *reader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &reader->first);
    return result == RDB_OK ? keep_old_hash(reader, in, packed_old_ziplist(reader->first.text)) : result;
}

static enum rdb_result read_hash_zipmap(struct rdb_reader *reader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &reader->first);
    return result == RDB_OK ? keep_old_hash(reader, in, packed_old_zipmap(reader->first.text)) : result;
}

/* ---- sorted sets ---- */

static enum rdb_result add_scored(struct rdb_reader *reader, struct rdb_in *in, double score) {
    const struct zset_rules *rules = &reader->rules.zset;
    struct slice member = reader->first.text;
    if (!reader->has_value) keep(reader, zset_value_new(rules, reader->left, member.size));
    return zset_value_set(&reader->value, rules, member, score) ? RDB_OK : rdb_in_bad(in, "a sorted set that has a member twice");
}

static enum rdb_result read_scored(struct rdb_reader *reader, struct rdb_in *in) {
    double score;
    enum rdb_result result = rdb_in_text(in, &reader->first);
    if (result != RDB_OK || (result = rdb_in_double(in, &score)) != RDB_OK) return result;
    return add_scored(reader, in, score);
}

static enum rdb_result read_text_scored(struct rdb_reader *reader, struct rdb_in *in) {
    double score;
    enum rdb_result result = rdb_in_text(in, &reader->first);
    if (result != RDB_OK || (result = rdb_in_text_double(in, &score)) != RDB_OK) return result;
    return add_scored(reader, in, score);
}

/* NULL: it was damaged. */
static enum rdb_result keep_zset(struct rdb_reader *reader, struct rdb_in *in, const struct listpack *listpack) {
    if (!listpack) return rdb_in_bad(in, "a sorted set's packed members that are damaged");
    if (!listpack_first(listpack)) return RDB_OK;
    if (zset_value_check_listpack(listpack)) {
        keep(reader, zset_value_from_listpack(listpack, &reader->rules.zset));
        return RDB_OK;
    }
    return rdb_in_bad(in, "a sorted set that has a member twice, scores out of order or none");
}

static enum rdb_result read_zset_listpack(struct rdb_reader *reader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &reader->first);
    return result == RDB_OK ? keep_zset(reader, in, listpack_in_bytes(reader->first.text)) : result;
}

static enum rdb_result read_zset_ziplist(struct rdb_reader *reader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &reader->first);
    if (result != RDB_OK) return result;
    struct listpack *listpack = packed_old_ziplist(reader->first.text);
    result = keep_zset(reader, in, listpack);
    mem_free(listpack);
    return result;
}

/* ---- streams ---- */

static void begin_stream(struct rdb_reader *reader) {
    struct stream *stream = stream_new();
    keep_object(reader, VALUE_STREAM, VALUE_RADIX, stream);
    rdb_stream_begin(&reader->stream, stream, reader->type);
}

/* An element is whatever can be taken at once: there are more until the end. */
static enum rdb_result read_stream_part(struct rdb_reader *reader, struct rdb_in *in) {
    bool is_done;
    enum rdb_result result = rdb_stream_step(&reader->stream, in, &reader->first, &is_done);
    if (result == RDB_OK && !is_done) reader->left++;
    return result;
}

/* ---- all ---- */

static const struct kind kinds[RDB_TYPE_END] = {
    [RDB_STRING] = {.element = read_string, .is_single = true},
    [RDB_LIST] = {.begin = begin_list, .element = read_list_element},
    [RDB_LIST_ZIPLIST] = {.begin = begin_list, .element = read_list_ziplist, .is_single = true},
    [RDB_LIST_QUICKLIST] = {.begin = begin_list, .element = read_list_ziplist},
    [RDB_LIST_QUICKLIST_2] = {.begin = begin_list, .element = read_list_node},
    [RDB_SET] = {.element = read_member},
    [RDB_SET_INTSET] = {.element = read_set_intset, .is_single = true},
    [RDB_SET_LISTPACK] = {.element = read_set_listpack, .is_single = true},
    [RDB_ZSET] = {.element = read_text_scored},
    [RDB_ZSET_2] = {.element = read_scored},
    [RDB_ZSET_LISTPACK] = {.element = read_zset_listpack, .is_single = true},
    [RDB_ZSET_ZIPLIST] = {.element = read_zset_ziplist, .is_single = true},
    [RDB_STREAM_LISTPACKS] = {.begin = begin_stream, .element = read_stream_part, .is_single = true},
    [RDB_STREAM_LISTPACKS_2] = {.begin = begin_stream, .element = read_stream_part, .is_single = true},
    [RDB_STREAM_LISTPACKS_3] = {.begin = begin_stream, .element = read_stream_part, .is_single = true},
    [RDB_HASH] = {.begin = begin_hash, .element = read_field},
    [RDB_HASH_LISTPACK] = {.element = read_hash_listpack, .is_single = true},
    [RDB_HASH_METADATA] = {.begin = begin_hash, .element = read_ending_field, .has_base = true},
    [RDB_HASH_METADATA_PRE_GA] = {.begin = begin_hash, .element = read_ending_field},
    [RDB_HASH_LISTPACK_EX] = {.element = read_hash_listpack_ex, .is_single = true, .has_base = true},
    [RDB_HASH_LISTPACK_EX_PRE_GA] = {.element = read_hash_listpack_ex, .is_single = true},
    [RDB_HASH_ZIPLIST] = {.element = read_hash_ziplist, .is_single = true},
    [RDB_HASH_ZIPMAP] = {.element = read_hash_zipmap, .is_single = true},
};

bool rdb_reader_begin(struct rdb_reader *reader, unsigned type) {
    drop(reader);
    if (type >= RDB_TYPE_END || !kinds[type].element) return false;
    reader->kind = &kinds[type];
    reader->has_base = !reader->kind->has_base;
    reader->base = 1; /* where there is none, deadlines are told as they are */
    reader->has_count = reader->kind->is_single;
    reader->left = 1;
    reader->type = type;
    if (reader->kind->begin) reader->kind->begin(reader);
    return true;
}

static bool is_empty(const struct value *value) {
    switch ((enum value_type)value->type) {
    case VALUE_STRING: return false;
    case VALUE_LIST: return list_value_count(value) == 0;
    case VALUE_SET: return set_value_count(value) == 0;
    case VALUE_HASH: return hash_value_count(value) == 0;
    case VALUE_ZSET: return zset_value_count(value) == 0;
    case VALUE_STREAM: return false; /* a key with an empty stream is one */
    case VALUE_TYPE_COUNT: break;
    }
    UNREACHABLE("a type of value");
}

enum rdb_result rdb_reader_step(struct rdb_reader *reader, struct rdb_in *in, struct value *value) {
    CHECK(reader->kind != NULL);
    if (!reader->has_base) {
        enum rdb_result result = rdb_in_u64(in, &reader->base);
        if (result != RDB_OK) return result;
        reader->has_base = true;
    }
    if (!reader->has_count) {
        enum rdb_result result = rdb_in_length(in, &reader->left);
        if (result != RDB_OK) return result;
        reader->has_count = true;
    }
    for (; reader->left; reader->left--) {
        const char *start = in->at;
        enum rdb_result result = reader->kind->element(reader, in);
        if (result == RDB_OK) continue;
        if (result == RDB_MORE) in->wanted += (size_t)(in->at - start);
        in->at = start;
        return result;
    }
    if (!reader->has_value || is_empty(&reader->value)) {
        drop(reader);
        return RDB_EMPTY;
    }
    *value = reader->value;
    reader->has_value = false;
    reader->kind = NULL;
    return RDB_OK;
}
