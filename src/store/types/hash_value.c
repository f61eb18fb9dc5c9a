#include "store/types/hash_value.h"
#include "base/listpack.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/keyspace/key_table.h"

enum { MEMORY_SAMPLES = 64 };

static bool is_packed(const struct value *hash) {
    return hash->encoding == VALUE_LISTPACK;
}

struct value hash_value_new(void) {
    return (struct value){.type = VALUE_HASH, .encoding = VALUE_LISTPACK, .form = VALUE_OBJECT, .object = listpack_new()};
}

size_t hash_value_count(const struct value *hash) {
    return is_packed(hash) ? listpack_count(hash->object) / 2 : key_table_count(hash->object);
}

/* ---- the packed form ---- */

static struct listpack_entry *packed_find(const struct listpack *listpack, struct slice field) {
    return listpack_find(listpack, listpack_first(listpack), field, 1);
}

static struct listpack_entry *packed_item(const struct listpack *listpack, struct listpack_entry *entry,
                                          struct hash_item *item) {
    struct listpack_entry *text = listpack_next(listpack, entry);
    item->field = listpack_text(entry, item->field_buffer);
    item->text = listpack_text(text, item->text_buffer);
    return listpack_next(listpack, text);
}

static void packed_walk(const struct listpack *listpack, hash_each *each, void *context) {
    struct hash_item item;
    for (struct listpack_entry *entry = listpack_first(listpack); entry;) {
        entry = packed_item(listpack, entry, &item);
        each(context, &item);
    }
}

static bool packed_set(struct listpack **listpack, struct slice field, struct slice text) {
    struct listpack_entry *entry = packed_find(*listpack, field);
    if (entry) {
        listpack_replace(listpack, listpack_next(*listpack, entry), text);
        return false;
    }
    listpack_append(listpack, field);
    listpack_append(listpack, text);
    return true;
}

/* ---- the table ---- */

static struct record *field_find(const struct key_table *table, struct slice field, uint64_t *hash, uint64_t **slot) {
    *hash = key_table_hash(key_table_hash_key(table), field);
    return key_table_find(table, field, *hash, slot);
}

static bool field_set(struct key_table *table, struct slice field, struct slice text) {
    uint64_t hash, *slot;
    struct record *record = field_find(table, field, &hash, &slot);
    struct value value = value_of_text(text);
    if (!record) {
        key_table_add(table, record_new(field, &value, RECORD_NEVER), hash);
        return true;
    }
    record_free_object(record);
    struct record *assigned = record_assign(record, &value, RECORD_NEVER);
    if (assigned != record) key_table_replace(slot, assigned);
    return false;
}

static void record_item(const struct record *record, struct hash_item *item) {
    item->field = record_key(record);
    item->text = record_text(record, item->text_buffer);
}

struct passing {
    hash_each *each;
    void      *context;
};

static void pass_record(void *context, struct record *record) {
    const struct passing *passing = context;
    struct hash_item item;
    record_item(record, &item);
    passing->each(passing->context, &item);
}

static bool table_scan(const struct key_table *table, uint64_t *cursor, hash_each *each, void *context) {
    return key_table_scan(table, cursor, pass_record, &(struct passing){each, context});
}

static void add_to_table(void *context, const struct hash_item *item) {
    (void)field_set(context, item->field, item->text);
}

static void unpack(struct value *hash, const struct hash_rules *rules) {
    struct listpack *listpack = hash->object;
    struct key_table *table = key_table_new(rules->hash_key);
    packed_walk(listpack, add_to_table, table);
    mem_free(listpack);
    hash->object = table;
    hash->encoding = VALUE_HASHTABLE;
}

/* ---- both ---- */

bool hash_value_find(const struct value *hash, struct slice field, char *buffer, struct slice *text) {
    if (is_packed(hash)) {
        struct listpack_entry *entry = packed_find(hash->object, field);
        if (!entry) return false;
        *text = listpack_text(listpack_next(hash->object, entry), buffer);
        return true;
    }
    uint64_t unused;
    struct record *record = field_find(hash->object, field, &unused, NULL);
    if (!record) return false;
    *text = record_text(record, buffer);
    return true;
}

static bool may_be_packed(const struct value *hash, const struct hash_rules *rules, struct slice field, struct slice text) {
    return field.size <= rules->max_text_bytes && text.size <= rules->max_text_bytes &&
           listpack_has_room(hash->object, listpack_entry_size(field) + listpack_entry_size(text));
}

bool hash_value_set(struct value *hash, const struct hash_rules *rules, struct slice field, struct slice text) {
    if (is_packed(hash)) {
        if (may_be_packed(hash, rules, field, text)) {
            struct listpack *listpack = hash->object;
            bool is_new = packed_set(&listpack, field, text);
            hash->object = listpack;
            if (listpack_count(listpack) / 2 > rules->max_entries) unpack(hash, rules);
            return is_new;
        }
        unpack(hash, rules);
    }
    return field_set(hash->object, field, text);
}

bool hash_value_remove(struct value *hash, struct slice field) {
    if (is_packed(hash)) {
        struct listpack *listpack = hash->object;
        struct listpack_entry *entry = packed_find(listpack, field);
        if (!entry) return false;
        listpack_remove(&listpack, entry, 2);
        hash->object = listpack;
        return true;
    }
    uint64_t place;
    struct record *record = field_find(hash->object, field, &place, NULL);
    if (!record) return false;
    key_table_remove(hash->object, record, place);
    record_free_object(record);
    record_free(record);
    return true;
}

bool hash_value_scan(const struct value *hash, uint64_t *cursor, hash_each *each, void *context) {
    if (!is_packed(hash)) return table_scan(hash->object, cursor, each, context);
    packed_walk(hash->object, each, context);
    *cursor = 0;
    return false;
}

void hash_value_walk(const struct value *hash, hash_each *each, void *context) {
    uint64_t cursor = 0;
    while (hash_value_scan(hash, &cursor, each, context)) continue;
}

/* ---- chance ---- */

void hash_value_random(const struct value *hash, struct random *random, struct hash_item *item) {
    if (is_packed(hash)) {
        int64_t place = (int64_t)random_below(random, hash_value_count(hash)) * 2;
        packed_item(hash->object, listpack_at(hash->object, place), item);
    } else {
        record_item(key_table_random(hash->object, random), item);
    }
}

/* Of those that are left to see, `wanted` are to be chosen: each is with the chance that makes it come out even. */
struct choice {
    struct random *random;
    size_t         left, wanted;
    struct passing to;
};

static void choose(void *context, const struct hash_item *item) {
    struct choice *choice = context;
    if (choice->wanted && random_below(choice->random, choice->left) < choice->wanted) {
        choice->wanted--;
        choice->to.each(choice->to.context, item);
    }
    choice->left--;
}

void hash_value_sample(const struct value *hash, struct random *random, size_t count, hash_each *each, void *context) {
    size_t all = hash_value_count(hash);
    CHECK(count <= all);
    if (is_packed(hash) || count > all / 3) {
        hash_value_walk(hash, choose, &(struct choice){random, all, count, {each, context}});
        return;
    }
    /* Few of many: draw until they are different. */
    struct table *seen = table_new();
    while (count) {
        struct record *record = key_table_random(hash->object, random);
        if (table_set(seen, slice_make(&record, sizeof record), record)) continue;
        pass_record(&(struct passing){each, context}, record);
        count--;
    }
    table_free(&seen, NULL);
}

/* ---- the table's form ---- */

void hash_value_free_table(void *object) {
    struct key_table *table = object;
    key_table_free(&table);
}

size_t hash_value_table_effort(const void *object) {
    return key_table_count(object);
}

struct measure {
    size_t bytes, seen;
};

static void measure_record(void *context, struct record *record) {
    struct measure *measure = context;
    measure->bytes += record_memory(record);
    measure->seen++;
}

size_t hash_value_table_memory(const void *object) {
    struct measure measure = {0};
    uint64_t cursor = 0;
    while (key_table_scan(object, &cursor, measure_record, &measure) && measure.seen < MEMORY_SAMPLES) continue;
    size_t count = key_table_count(object);
    return key_table_memory(object) + (measure.seen ? (size_t)((double)measure.bytes / (double)measure.seen * (double)count) : 0);
}

void *hash_value_copy_table(const void *object) {
    struct key_table *copy = key_table_new(key_table_hash_key(object));
    uint64_t cursor = 0;
    while (table_scan(object, &cursor, add_to_table, copy)) continue;
    return copy;
}
