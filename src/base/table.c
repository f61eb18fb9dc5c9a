#include "base/table.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

#include <stdlib.h>

struct entry {
    uint32_t hash;
    uint32_t size;
    char    *key; /* NULL: free place */
    void    *value;
};

struct table {
    struct hash_key key;
    struct entry   *entries;
    size_t          places; /* a power of two, or 0 */
    size_t          count;
    size_t          key_bytes;
    bool            nocase;
};

static struct table *make(bool nocase) {
    struct table *table = mem_zalloc(sizeof *table);
    random_os_bytes(&table->key, sizeof table->key);
    table->nocase = nocase;
    return table;
}

struct table *table_new(void) {
    return make(false);
}

struct table *table_new_nocase(void) {
    return make(true);
}

void table_clear(struct table *table, void (*free_value)(void *value)) {
    for (size_t i = 0; i < table->places; i++) {
        struct entry *entry = &table->entries[i];
        if (!entry->key) continue;
        if (free_value) free_value(entry->value);
        mem_free(entry->key);
    }
    mem_free(table->entries);
    table->entries = NULL;
    table->places = table->count = table->key_bytes = 0;
}

void table_free(struct table **table, void (*free_value)(void *value)) {
    if (!*table) return;
    table_clear(*table, free_value);
    mem_free(*table);
    *table = NULL;
}

size_t table_count(const struct table *table) {
    return table->count;
}

size_t table_memory(const struct table *table) {
    return sizeof *table + table->places * sizeof table->entries[0] + table->key_bytes;
}

static uint32_t hash_of(const struct table *table, struct slice key) {
    return (uint32_t)(table->nocase ? hash_slice_nocase(&table->key, key) : hash_slice(&table->key, key));
}

static bool same(const struct table *table, const struct entry *entry, uint32_t hash, struct slice key) {
    if (entry->hash != hash || entry->size != key.size) return false;
    struct slice own = {entry->key, entry->size};
    return table->nocase ? slice_equal_nocase(own, key) : slice_equal(own, key);
}

/* The place of `key`, or the free place where it would stand. */
static size_t place_of(const struct table *table, uint32_t hash, struct slice key) {
    size_t mask = table->places - 1;
    size_t i = hash & mask;
    while (table->entries[i].key && !same(table, &table->entries[i], hash, key)) i = (i + 1) & mask;
    return i;
}

static struct entry *entry_of(const struct table *table, struct slice key) {
    if (table->count == 0) return NULL;
    struct entry *entry = &table->entries[place_of(table, hash_of(table, key), key)];
    return entry->key ? entry : NULL;
}

void *table_find(const struct table *table, struct slice key) {
    struct entry *entry = entry_of(table, key);
    return entry ? entry->value : NULL;
}

bool table_has(const struct table *table, struct slice key) {
    return entry_of(table, key) != NULL;
}

static void resize(struct table *table, size_t places) {
    struct entry *old = table->entries;
    size_t old_places = table->places;
    table->entries = mem_zalloc(places * sizeof table->entries[0]);
    table->places = places;
    for (size_t i = 0; i < old_places; i++) {
        if (!old[i].key) continue;
        size_t at = old[i].hash & (places - 1);
        while (table->entries[at].key) at = (at + 1) & (places - 1);
        table->entries[at] = old[i];
    }
    mem_free(old);
}

void *table_set(struct table *table, struct slice key, void *value) {
    CHECK(key.size < UINT32_MAX);
    if (table->count * 4 >= table->places * 3) resize(table, MAX(table->places * 2, 8));
    uint32_t hash = hash_of(table, key);
    struct entry *entry = &table->entries[place_of(table, hash, key)];
    void *before = NULL;
    if (entry->key) {
        before = entry->value;
    } else {
        *entry = (struct entry){.hash = hash, .size = (uint32_t)key.size, .key = mem_strndup(key.data, key.size)};
        table->count++;
        table->key_bytes += mem_size(entry->key);
    }
    entry->value = value;
    return before;
}

void *table_remove(struct table *table, struct slice key) {
    struct entry *entry = entry_of(table, key);
    if (!entry) return NULL;
    void *value = entry->value;
    table->key_bytes -= mem_size(entry->key);
    mem_free(entry->key);
    entry->key = NULL;
    table->count--;
    /* Entries behind the gap move into it unless that would put them before their own home. */
    size_t mask = table->places - 1, gap = (size_t)(entry - table->entries);
    for (size_t i = (gap + 1) & mask; table->entries[i].key; i = (i + 1) & mask) {
        size_t home = table->entries[i].hash & mask;
        if (((i - home) & mask) < ((i - gap) & mask)) continue;
        table->entries[gap] = table->entries[i];
        table->entries[i].key = NULL;
        gap = i;
    }
    if (table->places > 8 && table->count * 8 < table->places) resize(table, table->places / 2);
    return value;
}

bool table_next(const struct table *table, struct table_walk *walk) {
    while (walk->place < table->places) {
        struct entry *entry = &table->entries[walk->place++];
        if (!entry->key) continue;
        walk->key = slice_make(entry->key, entry->size);
        walk->value = entry->value;
        return true;
    }
    return false;
}

static int by_key(const void *a, const void *b) {
    return slice_compare(((const struct table_walk *)a)->key, ((const struct table_walk *)b)->key);
}

struct table_walk *table_sorted(const struct table *table) {
    struct table_walk *all = mem_alloc((table->count + 1) * sizeof *all), walk = {0};
    size_t n = 0;
    while (table_next(table, &walk)) all[n++] = walk;
    qsort(all, n, sizeof *all, by_key);
    return all;
}
