#include "store/types/set_value.h"
#include "base/intset.h"
#include "store/keyspace/key_table.h"

enum { INTSET_ENTRIES_MAX = 1 << 30 };

struct value set_value_new(void) {
    return (struct value){.type = VALUE_SET, .encoding = VALUE_INTSET, .form = VALUE_OBJECT, .object = intset_new()};
}

static bool is_intset(const struct value *set) {
    return set->encoding == VALUE_INTSET;
}

size_t set_value_count(const struct value *set) {
    return is_intset(set) ? intset_count(set->object) : key_table_count(set->object);
}

static struct record *find(const struct value *set, struct slice member, uint64_t *hash) {
    *hash = key_table_hash(key_table_hash_key(set->object), member);
    return key_table_find(set->object, member, *hash, NULL);
}

bool set_value_has(const struct value *set, struct slice member) {
    int64_t  number;
    uint64_t hash;
    if (is_intset(set)) return number_parse_int(member, &number) && intset_has(set->object, number);
    return find(set, member, &hash) != NULL;
}

/* A member is a record with an empty text. */
static void table_add(struct key_table *table, struct slice member, uint64_t hash) {
    struct value nothing = value_of_plain_text((struct slice){0});
    key_table_add(table, record_new(member, &nothing, RECORD_NEVER), hash);
}

static void to_table(struct value *set, const struct hash_key *hash_key) {
    struct intset    *old = set->object;
    struct key_table *table = key_table_new(hash_key);
    char              buffer[NUMBER_TEXT_SIZE];
    for (size_t i = 0; i < intset_count(old); i++) {
        struct slice member = slice_make(buffer, number_print_int(buffer, intset_at(old, i)));
        table_add(table, member, key_table_hash(hash_key, member));
    }
    value_free_object(VALUE_SET, VALUE_INTSET, old);
    set->encoding = VALUE_HASHTABLE;
    set->object = table;
}

bool set_value_add(struct value *set, struct slice member, const struct set_limits *limits) {
    uint64_t hash;
    if (is_intset(set)) {
        int64_t number;
        if (number_parse_int(member, &number)) {
            struct intset *intset = set->object;
            bool           is_new = intset_add(&intset, number);
            set->object = intset;
            if (is_new && intset_count(intset) > MIN(limits->max_intset_entries, INTSET_ENTRIES_MAX))
                to_table(set, limits->hash_key);
            return is_new;
        }
        to_table(set, limits->hash_key);
    }
    if (find(set, member, &hash)) return false;
    table_add(set->object, member, hash);
    return true;
}

bool set_value_remove(struct value *set, struct slice member) {
    if (is_intset(set)) {
        int64_t number;
        if (!number_parse_int(member, &number)) return false;
        struct intset *intset = set->object;
        bool           was_there = intset_remove(&intset, number);
        set->object = intset;
        return was_there;
    }
    uint64_t       hash;
    struct record *record = find(set, member, &hash);
    if (!record) return false;
    key_table_remove(set->object, record, hash);
    record_free(record);
    return true;
}

struct slice set_value_random(const struct value *set, struct random *random, char *buffer) {
    if (!is_intset(set)) return record_key(key_table_random(set->object, random));
    int64_t number = intset_at(set->object, random_below(random, intset_count(set->object)));
    return slice_make(buffer, number_print_int(buffer, number));
}

/* ---- walking ---- */

struct walk {
    bool (*each)(void *context, struct slice member);
    void *context;
    bool  is_over;
};

static void visit(void *context, struct record *record) {
    struct walk *walk = context;
    if (!walk->is_over) walk->is_over = !walk->each(walk->context, record_key(record));
}

void set_value_each(const struct value *set, bool (*each)(void *context, struct slice member), void *context) {
    if (is_intset(set)) {
        char buffer[NUMBER_TEXT_SIZE];
        for (size_t i = 0; i < intset_count(set->object); i++)
            if (!each(context, slice_make(buffer, number_print_int(buffer, intset_at(set->object, i))))) return;
        return;
    }
    struct walk walk = {each, context, false};
    uint64_t    cursor = 0;
    while (key_table_scan(set->object, &cursor, visit, &walk) && !walk.is_over) continue;
}

bool set_value_scan(const struct value *set, uint64_t *cursor, bool (*each)(void *context, struct slice member),
                    void *context) {
    if (is_intset(set)) {
        *cursor = 0;
        set_value_each(set, each, context);
        return false;
    }
    struct walk walk = {each, context, false};
    return key_table_scan(set->object, cursor, visit, &walk);
}

/* ---- the table's form ---- */

enum { MEMORY_SAMPLES = 64 };

void set_value_free_table(void *object) {
    struct key_table *table = object;
    key_table_free(&table);
}

size_t set_value_table_effort(const void *object) {
    return key_table_count(object);
}

struct measure {
    size_t seen, bytes;
};

static void measure_member(void *context, struct record *record) {
    struct measure *measure = context;
    measure->seen++;
    measure->bytes += record_memory(record);
}

size_t set_value_table_memory(const void *object) {
    struct measure measure = {0, 0};
    uint64_t       cursor = 0;
    while (key_table_scan(object, &cursor, measure_member, &measure) && measure.seen < MEMORY_SAMPLES) continue;
    size_t each = measure.seen ? measure.bytes / measure.seen : 0;
    return key_table_memory(object) + each * key_table_count(object);
}

static void copy_member(void *context, struct record *record) {
    struct key_table *copy = context;
    table_add(copy, record_key(record), key_table_hash(key_table_hash_key(copy), record_key(record)));
}

void *set_value_copy_table(const void *object) {
    struct key_table *copy = key_table_new(key_table_hash_key(object));
    uint64_t          cursor = 0;
    while (key_table_scan(object, &cursor, copy_member, copy)) continue;
    return copy;
}
