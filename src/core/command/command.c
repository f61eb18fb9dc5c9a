#include "core/command/command.h"

#include "base/mem.h"
#include "base/table.h"
#include "core/command/dispatch.h"
#include "core/command/keyspec.h"

#include <ctype.h>

/* A small direct-mapped cache in front of the name table: the names of real workloads are few and short. */
enum { CACHE_SLOTS = 64, CACHE_NAME_MAX = 16 };

struct cached_name {
    uint64_t              low, high; /* the name in lower case, zero-padded */
    size_t                size;      /* 0: the slot is empty */
    struct command_entry *entry;
};

struct command_table {
    struct table          *by_name; /* top-level name to entry */
    struct command_entry **by_id;   /* NULL: removed */
    unsigned               id_count, id_capacity;
    struct cached_name     cache[CACHE_SLOTS];
};

static const char *const category_names[] = {
    "keyspace", "read",   "write",       "set", "sortedset", "list",     "hash",      "string",     "bitmap",      "hyperloglog", "geo",
    "stream",   "pubsub", "admin",       "fast",   "slow",      "blocking", "dangerous", "connection", "transaction", "scripting",
};

const char *command_category_name(unsigned bit) {
    return bit < COUNT_OF(category_names) ? category_names[bit] : NULL;
}

uint64_t command_category_find(struct slice name) {
    for (unsigned i = 0; i < COUNT_OF(category_names); i++)
        if (slice_is_nocase(name, category_names[i])) return 1ull << i;
    return 0;
}

const char *command_group_name(enum command_group group) {
    static const char *const names[] = {
        [COMMAND_GROUP_GENERIC] = "generic",
        [COMMAND_GROUP_STRING] = "string",
        [COMMAND_GROUP_LIST] = "list",
        [COMMAND_GROUP_SET] = "set",
        [COMMAND_GROUP_SORTED_SET] = "sorted-set",
        [COMMAND_GROUP_HASH] = "hash",
        [COMMAND_GROUP_PUBSUB] = "pubsub",
        [COMMAND_GROUP_TRANSACTIONS] = "transactions",
        [COMMAND_GROUP_CONNECTION] = "connection",
        [COMMAND_GROUP_SERVER] = "server",
        [COMMAND_GROUP_SCRIPTING] = "scripting",
        [COMMAND_GROUP_HYPERLOGLOG] = "hyperloglog",
        [COMMAND_GROUP_CLUSTER] = "cluster",
        [COMMAND_GROUP_SENTINEL] = "sentinel",
        [COMMAND_GROUP_GEO] = "geo",
        [COMMAND_GROUP_STREAM] = "stream",
        [COMMAND_GROUP_BITMAP] = "bitmap",
    };
    return names[group];
}

/* ---- the table ---- */

struct command_table *command_table_new(void) {
    struct command_table *table = mem_zalloc(sizeof(*table));
    table->by_name = table_new_nocase();
    return table;
}

static void entry_free(struct command_entry *entry) {
    mem_free(entry->name);
    mem_free(entry->subcommands);
    if (entry->by_name) table_free(&entry->by_name, NULL);
    mem_free(entry);
}

void command_table_free(struct command_table **table) {
    struct command_table *gone = *table;
    if (!gone) return;
    *table = NULL;
    for (unsigned i = 0; i < gone->id_count; i++)
        if (gone->by_id[i]) entry_free(gone->by_id[i]);
    mem_free(gone->by_id);
    table_free(&gone->by_name, NULL);
    mem_free(gone);
}

static void forget_cache(struct command_table *table) {
    memset(table->cache, 0, sizeof(table->cache));
}

/* What the flags say about categories, as the established server derives it. */
static uint64_t derive_categories(uint64_t flags, uint64_t categories) {
    if (flags & COMMAND_WRITE) categories |= COMMAND_CATEGORY_WRITE;
    if ((flags & COMMAND_READONLY) && !(categories & COMMAND_CATEGORY_SCRIPTING)) categories |= COMMAND_CATEGORY_READ;
    if (flags & COMMAND_ADMIN) categories |= COMMAND_CATEGORY_ADMIN | COMMAND_CATEGORY_DANGEROUS;
    if (flags & COMMAND_PUBSUB) categories |= COMMAND_CATEGORY_PUBSUB;
    if (flags & COMMAND_FAST) categories |= COMMAND_CATEGORY_FAST;
    if (flags & COMMAND_BLOCKING) categories |= COMMAND_CATEGORY_BLOCKING;
    if (!(categories & COMMAND_CATEGORY_FAST)) categories |= COMMAND_CATEGORY_SLOW;
    return categories;
}

static void entry_set_row(struct command_entry *entry, const struct command *row) {
    bool is_movable = false;
    entry->row = row;
    keyspec_legacy_range(row, &entry->first_key, &entry->last_key, &entry->key_step, &is_movable);
    entry->flags = row->flags | (is_movable ? COMMAND_MOVABLE_KEYS : 0);
    entry->categories = derive_categories(row->flags, row->categories);
}

static struct command_entry *entry_new(struct command_table *table, const struct command *row) {
    if (table->id_count == table->id_capacity) {
        table->id_capacity = table->id_capacity ? table->id_capacity * 2 : 256;
        table->by_id = mem_realloc(table->by_id, table->id_capacity * sizeof(*table->by_id));
    }
    struct command_entry *entry = mem_zalloc(sizeof(*entry));
    entry->name = mem_strdup(row->name);
    entry->id = table->id_count;
    entry_set_row(entry, row);
    table->by_id[table->id_count++] = entry;
    return entry;
}

static void drop_subcommands(struct command_table *table, struct command_entry *entry) {
    for (unsigned i = 0; i < entry->subcommand_count; i++) {
        table->by_id[entry->subcommands[i]->id] = NULL;
        entry_free(entry->subcommands[i]);
    }
    entry->subcommand_count = 0;
    if (entry->by_name) table_clear(entry->by_name, NULL);
}

static void drop_subcommand(struct command_table *table, struct command_entry *container, struct command_entry *entry) {
    unsigned at = 0;
    while (container->subcommands[at] != entry) at++;
    memmove(container->subcommands + at, container->subcommands + at + 1,
            (container->subcommand_count - at - 1) * sizeof(*container->subcommands));
    container->subcommand_count--;
    table_remove(container->by_name, slice_text(strchr(entry->row->name, '|') + 1));
    table->by_id[entry->id] = NULL;
    entry_free(entry);
}

static void add_subcommand(struct command_table *table, const struct command *row, struct slice container_name,
                           struct slice name) {
    struct command_entry *container = table_find(table->by_name, container_name);
    CHECK(container != NULL); /* the row stands after its container's */
    if (!container->by_name) container->by_name = table_new_nocase();
    struct command_entry *old = table_find(container->by_name, name);
    if (old) {
        entry_set_row(old, row);
        return;
    }
    struct command_entry *entry = entry_new(table, row);
    entry->container = container;
    table_set(container->by_name, name, entry);
    container->subcommands =
        mem_realloc(container->subcommands, (container->subcommand_count + 1) * sizeof(*container->subcommands));
    container->subcommands[container->subcommand_count++] = entry;
}

void command_table_add(struct command_table *table, const struct command *rows, size_t count) {
    forget_cache(table);
    for (size_t i = 0; i < count; i++) {
        struct slice rest = slice_text(rows[i].name), first;
        CHECK(slice_split(&rest, '|', &first));
        if (rest.data) {
            add_subcommand(table, &rows[i], first, rest);
            continue;
        }
        struct command_entry *old = table_find(table->by_name, first);
        if (old) {
            drop_subcommands(table, old);
            entry_set_row(old, &rows[i]);
        } else {
            table_set(table->by_name, first, entry_new(table, &rows[i]));
        }
    }
}

static void drop_top_level(struct command_table *table, struct command_entry *entry) {
    drop_subcommands(table, entry);
    table_remove(table->by_name, slice_text(entry->name));
    table->by_id[entry->id] = NULL;
    entry_free(entry);
}

void command_table_keep(struct command_table *table, bool (*wanted)(const struct command *row)) {
    forget_cache(table);
    for (unsigned i = 0; i < table->id_count; i++) {
        struct command_entry *entry = table->by_id[i];
        if (!entry || wanted(entry->row)) continue;
        if (entry->container) {
            drop_subcommand(table, entry->container, entry);
        } else {
            drop_top_level(table, entry);
        }
    }
}

bool command_table_rename(struct command_table *table, struct slice from, struct slice to) {
    struct command_entry *entry = table_find(table->by_name, from);
    if (!entry || (to.size && table_has(table->by_name, to))) return false;
    forget_cache(table);
    if (!to.size) {
        drop_top_level(table, entry);
        return true;
    }
    table_remove(table->by_name, from);
    table_set(table->by_name, to, entry);
    mem_free(entry->name);
    entry->name = slice_to_text(to);
    for (unsigned i = 0; i < entry->subcommand_count; i++) {
        struct command_entry *sub = entry->subcommands[i];
        mem_free(sub->name);
        sub->name = mem_printf("%s%s", entry->name, strchr(sub->row->name, '|'));
    }
    return true;
}

unsigned command_table_count(const struct command_table *table) {
    return (unsigned)table_count(table->by_name);
}

/* ---- lookup ---- */

/* The name as two numbers with bit 5 of each byte set, which folds the case of letters. */
static inline void fold_name(struct slice name, uint64_t *low, uint64_t *high) {
    uint64_t words[2] = {0, 0};
    memcpy(words, name.data, name.size);
    *low = words[0] | 0x2020202020202020ull;
    *high = words[1] | 0x2020202020202020ull;
}

static bool has_only_letters(struct slice name) {
    for (size_t i = 0; i < name.size; i++)
        if (!isalpha((unsigned char)name.data[i])) return false;
    return true;
}

struct command_entry *command_find(const struct command_table *table, struct slice name) {
    if (name.size == 0 || name.size > CACHE_NAME_MAX) return table_find(table->by_name, name);
    uint64_t low, high;
    fold_name(name, &low, &high);
    size_t slot = ((low ^ high * 31 ^ name.size) * 0x9e3779b97f4a7c15ull) >> 58;
    /* The cache is no part of what the table promises, so a const table may fill it. */
    struct cached_name *cached = &((struct command_table *)(uintptr_t)table)->cache[slot];
    if (LIKELY(cached->size == name.size && cached->low == low && cached->high == high)) return cached->entry;
    struct command_entry *entry = table_find(table->by_name, name);
    /* Folding is exact for letters only, so names with other characters stay out. */
    if (entry && has_only_letters(name)) *cached = (struct cached_name){low, high, name.size, entry};
    return entry;
}

struct command_entry *command_find_request(const struct command_table *table, const struct slice *argv, int argc) {
    struct command_entry *entry = command_find(table, argv[0]);
    if (!entry || !entry->subcommand_count || argc < 2) return entry;
    struct command_entry *sub = table_find(entry->by_name, argv[1]);
    return sub ? sub : entry;
}

struct command_entry *command_find_full(const struct command_table *table, struct slice name) {
    struct slice rest = name, first;
    if (!slice_split(&rest, '|', &first)) return NULL;
    struct command_entry *entry = table_find(table->by_name, first);
    if (!entry || !rest.data) return entry;
    return entry->by_name ? table_find(entry->by_name, rest) : NULL;
}

/* The entry after `id` that stands at top level, or NULL. */
static struct command_entry *next_top_level(const struct command_table *table, unsigned id) {
    for (; id < table->id_count; id++)
        if (table->by_id[id] && !table->by_id[id]->container) return table->by_id[id];
    return NULL;
}

struct command_entry *command_next(const struct command_table *table, const struct command_entry *previous) {
    if (!previous) return next_top_level(table, 0);
    const struct command_entry *top = previous->container ? previous->container : previous;
    unsigned                    at = 0;
    if (previous->container)
        while (top->subcommands[at++] != previous) {}
    if (at < top->subcommand_count) return top->subcommands[at];
    return next_top_level(table, top->id + 1);
}

void command_reset_stats(struct command_table *table) {
    for (unsigned i = 0; i < table->id_count; i++) {
        struct command_entry *entry = table->by_id[i];
        if (entry) entry->calls = entry->usec = entry->rejected = entry->failed = 0;
    }
}
