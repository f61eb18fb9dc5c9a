#include "store/types/hash_fields.h"
#include "base/mem.h"
#include "store/keyspace/expire.h"

#include <limits.h>

enum {
    SEARCH_MAX = 1024,   /* a table of at most so many fields has no index */
    STALE_MIN = 1024,    /* places that may be stale before the index is built anew */
    REBUILD_BUCKETS = 4, /* looked at for each deadline that is set meanwhile */
    EXPIRE_WORK_MAX = 64 /* pieces of housekeeping in one go */
};

struct hash_fields {
    struct member_table *table;
    int64_t              filed_ms;
    int64_t              earliest_ms; /* a lower bound */
    size_t               expiring;
    struct expire_index *timers;  /* every field with a deadline has a place that is not later; NULL: search */
    struct expire_index *rebuilt; /* what takes its place when all buckets were looked at; NULL: nothing */
    uint64_t             cursor;  /* up to where they were */
};

struct hash_fields *hash_fields_new(const struct hash_key *hash_key) {
    struct hash_fields *fields = mem_zalloc(sizeof *fields);
    fields->table = member_table_new(hash_key);
    fields->filed_ms = fields->earliest_ms = MEMBER_NEVER;
    return fields;
}

void hash_fields_free(struct hash_fields **place) {
    struct hash_fields *fields = *place;
    if (!fields) return;
    *place = NULL;
    member_table_free(&fields->table);
    expire_index_free(&fields->timers);
    expire_index_free(&fields->rebuilt);
    mem_free(fields);
}

const struct member_table *hash_fields_table(const struct hash_fields *fields) {
    return fields->table;
}

static uint64_t hash_of(const struct hash_fields *fields, struct slice field) {
    return member_table_hash(member_table_hash_key(fields->table), field);
}

size_t hash_fields_memory(const struct hash_fields *fields) {
    return sizeof *fields + member_table_memory(fields->table) + (fields->timers ? expire_index_memory(fields->timers) : 0) +
           (fields->rebuilt ? expire_index_memory(fields->rebuilt) : 0);
}

/* ---- the index ---- */

static void file_in_rebuilt(void *context, const struct member *member) {
    struct hash_fields *fields = context;
    if (member->deadline_ms != MEMBER_NEVER)
        expire_index_add(fields->rebuilt, hash_of(fields, member->key), member->deadline_ms);
}

/* Looks at some more buckets. What is set meanwhile is filed in both. */
static void rebuild_some(struct hash_fields *fields, unsigned buckets) {
    while (fields->rebuilt && buckets-- > 0) {
        if (member_table_scan(fields->table, &fields->cursor, file_in_rebuilt, fields)) continue;
        expire_index_free(&fields->timers);
        fields->timers = fields->rebuilt;
        fields->rebuilt = NULL;
    }
}

/* A new index begins at the earliest deadline: it may only be asked for later times than it begins with. */
static void start_rebuild(struct hash_fields *fields) {
    fields->rebuilt = expire_index_new(fields->earliest_ms);
    fields->cursor = 0;
}

/* The table may have become large, or this may be its first deadline. */
static void start_index(struct hash_fields *fields, uint64_t hash, int64_t deadline_ms) {
    if (fields->timers || !fields->expiring || member_table_count(fields->table) <= SEARCH_MAX) return;
    if (fields->expiring == 1 && deadline_ms != MEMBER_NEVER) {
        fields->timers = expire_index_new(fields->earliest_ms);
        expire_index_add(fields->timers, hash, deadline_ms);
        return;
    }
    start_rebuild(fields);
    rebuild_some(fields, UINT_MAX);
}

/* A field's deadline was `before_ms` and is `deadline_ms`. */
static void note_deadline(struct hash_fields *fields, uint64_t hash, int64_t before_ms, int64_t deadline_ms) {
    if (before_ms != MEMBER_NEVER) fields->expiring--;
    if (deadline_ms == MEMBER_NEVER) {
        if (fields->expiring) return;
        fields->earliest_ms = MEMBER_NEVER;
        expire_index_free(&fields->timers);
        expire_index_free(&fields->rebuilt);
        return;
    }
    fields->expiring++;
    if (fields->earliest_ms == MEMBER_NEVER || deadline_ms < fields->earliest_ms) fields->earliest_ms = deadline_ms;
    if (!fields->timers) return;
    if (fields->rebuilt) {
        expire_index_add(fields->rebuilt, hash, deadline_ms);
        rebuild_some(fields, REBUILD_BUCKETS);
    } else if (expire_index_count(fields->timers) > 2 * fields->expiring + STALE_MIN) {
        start_rebuild(fields);
    }
    /* A place that is too early is filed again when its time comes. */
    if (before_ms == MEMBER_NEVER || deadline_ms < before_ms) expire_index_add(fields->timers, hash, deadline_ms);
}

/* ---- fields ---- */

void hash_fields_defrag(struct hash_fields *fields, uint64_t *cursor, size_t *moved, size_t *left) {
    member_table_defrag(fields->table, cursor, moved, left);
}

bool hash_fields_find(const struct hash_fields *fields, struct slice field, struct member *member) {
    return member_table_find(fields->table, field, hash_of(fields, field), member);
}

bool hash_fields_set(struct hash_fields *fields, struct slice field, struct slice text, int64_t deadline_ms) {
    uint64_t hash = hash_of(fields, field);
    if (LIKELY(!fields->expiring && deadline_ms == MEMBER_NEVER))
        return member_table_put(fields->table, field, hash, text, MEMBER_NEVER);
    struct member old;
    int64_t       before_ms = MEMBER_NEVER;
    if (member_table_find(fields->table, field, hash, &old)) before_ms = old.deadline_ms;
    bool is_new = member_table_put(fields->table, field, hash, text, deadline_ms);
    note_deadline(fields, hash, before_ms, deadline_ms);
    start_index(fields, hash, deadline_ms);
    return is_new;
}

void hash_fields_set_deadline(struct hash_fields *fields, struct slice field, int64_t deadline_ms) {
    uint64_t      hash = hash_of(fields, field);
    struct member old;
    CHECK(member_table_find(fields->table, field, hash, &old));
    int64_t before_ms = old.deadline_ms;
    member_table_set_deadline(fields->table, field, hash, deadline_ms);
    note_deadline(fields, hash, before_ms, deadline_ms);
    start_index(fields, hash, deadline_ms);
}

bool hash_fields_remove(struct hash_fields *fields, struct slice field) {
    uint64_t hash = hash_of(fields, field);
    if (LIKELY(!fields->expiring)) return member_table_remove(fields->table, field, hash);
    struct member old;
    if (!member_table_find(fields->table, field, hash, &old)) return false;
    int64_t before_ms = old.deadline_ms;
    CHECK(member_table_remove(fields->table, field, hash));
    note_deadline(fields, hash, before_ms, MEMBER_NEVER);
    return true;
}

static void copy_field(void *context, const struct member *member) {
    (void)hash_fields_set(context, member->key, member->value, member->deadline_ms);
}

struct hash_fields *hash_fields_copy(const struct hash_fields *fields) {
    struct hash_fields *copy = hash_fields_new(member_table_hash_key(fields->table));
    uint64_t            cursor = 0;
    if (fields->expiring) {
        while (member_table_scan(fields->table, &cursor, copy_field, copy)) continue;
    } else {
        member_table_free(&copy->table);
        copy->table = member_table_copy(fields->table);
    }
    return copy;
}

/* ---- expiry ---- */

size_t hash_fields_expiring(const struct hash_fields *fields) {
    return fields->expiring;
}

int64_t hash_fields_earliest_ms(const struct hash_fields *fields) {
    return fields->earliest_ms;
}

int64_t hash_fields_filed_ms(const struct hash_fields *fields) {
    return fields->filed_ms;
}

void hash_fields_set_filed_ms(struct hash_fields *fields, int64_t filed_ms) {
    fields->filed_ms = filed_ms;
}

/* Names of fields that are due, copied because they will be removed, and when the others that were met end. */
struct due {
    int64_t      now_ms;
    size_t       max, count;
    int64_t      next_ms;
    struct bytes names; /* each with its size before it */
};

static void sort_out(void *context, const struct member *member) {
    struct due *due = context;
    if (member->deadline_ms == MEMBER_NEVER) return;
    if (member->deadline_ms < due->now_ms && due->count < due->max) {
        bytes_add(&due->names, &member->key.size, sizeof member->key.size);
        bytes_add_slice(&due->names, member->key);
        due->count++;
    } else if (due->next_ms == MEMBER_NEVER || member->deadline_ms < due->next_ms) {
        due->next_ms = member->deadline_ms;
    }
}

static void remove_due(struct hash_fields *fields, struct due *due, member_each *each, void *context) {
    for (const char *at = due->names.data, *end = at + due->names.size; at < end;) {
        struct member member;
        size_t        size;
        memcpy(&size, at, sizeof size);
        struct slice name = slice_make(at + sizeof size, size);
        CHECK(hash_fields_find(fields, name, &member));
        each(context, &member);
        CHECK(hash_fields_remove(fields, name));
        at += sizeof size + size;
    }
    bytes_clear(&due->names);
}

static size_t expire_by_search(struct hash_fields *fields, struct due *due, member_each *each, void *context) {
    uint64_t cursor = 0;
    while (member_table_scan(fields->table, &cursor, sort_out, due)) continue;
    size_t count = due->count;
    bool   all = count < due->max;
    remove_due(fields, due, each, context);
    if (all) fields->earliest_ms = due->next_ms;
    return count;
}

static size_t expire_by_index(struct hash_fields *fields, struct due *due, member_each *each, void *context) {
    size_t   count = 0;
    uint64_t hash;
    for (unsigned work = 0; work < EXPIRE_WORK_MAX && count < due->max && fields->timers;) {
        enum expire_step step = expire_index_next(fields->timers, due->now_ms, &hash);
        if (step == EXPIRE_NONE) break;
        if (step == EXPIRE_WORK) {
            work++;
            continue;
        }
        due->count = count;
        due->next_ms = MEMBER_NEVER;
        member_table_each_like(fields->table, hash, sort_out, due);
        count = due->count;
        if (due->next_ms != MEMBER_NEVER) expire_index_add(fields->timers, hash, due->next_ms);
        remove_due(fields, due, each, context);
    }
    if (fields->timers) fields->earliest_ms = expire_index_earliest_ms(fields->timers);
    return count;
}

size_t hash_fields_expire(struct hash_fields *fields, int64_t now_ms, size_t max, member_each *each, void *context) {
    struct due due = {.now_ms = now_ms, .max = max, .next_ms = MEMBER_NEVER};
    size_t     count = fields->timers ? expire_by_index(fields, &due, each, context)
                                      : expire_by_search(fields, &due, each, context);
    bytes_fini(&due.names);
    return count;
}
