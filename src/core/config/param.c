#include "core/config/param.h"
#include "core/config/param_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"

#include <stdlib.h>

struct param_entry {
    const struct param *row;
    void *settings;
    struct param_binding binding;
    void *check_context, *apply_context, *get_context, *equal_context;
    struct param_origin origin;
};

struct group_entry {
    const struct param_group *group;
    void *context;
};

struct room { /* one params_add() */
    const struct param *rows;
    size_t count;
    void *settings;
};

struct params {
    struct table *entries; /* name and alias to entry; not case-sensitive */
    struct param_entry **sorted;
    size_t count;
    struct room *rooms;
    size_t room_count;
    struct group_entry *groups;
    size_t group_count;
    char **files;
    size_t file_count;
    char *main_file; /* what CONFIG REWRITE edits; NULL: nothing */
};

static const struct param_absent absent_rows[] = {
#include "core/config/param_absent.def"
};

/* ---- life ----------------------------------------------------------------------------------------------------------
 */

struct params *params_new(void) {
    struct params *params = mem_zalloc(sizeof *params);
    params->entries = table_new_nocase();
    return params;
}

void params_free(struct params **params_pointer) {
    struct params *params = *params_pointer;
    if (!params) return;
    *params_pointer = NULL;
    for (size_t i = 0; i < params->room_count; i++)
        settings_fini(params->rooms[i].rows, params->rooms[i].count, params->rooms[i].settings);
    for (size_t i = 0; i < params->count; i++) mem_free(params->sorted[i]);
    for (size_t i = 0; i < params->file_count; i++) mem_free(params->files[i]);
    table_free(&params->entries, NULL);
    mem_free(params->sorted);
    mem_free(params->rooms);
    mem_free(params->groups);
    mem_free(params->files);
    mem_free(params->main_file);
    mem_free(params);
}

static int compare_entries(const void *a, const void *b) {
    const struct param_entry *const *x = a, *const *y = b;
    return strcmp((*x)->row->name, (*y)->row->name);
}

static void add_row(struct params *params, const struct param *row, void *settings) {
    CHECK(!table_has(params->entries, slice_text(row->name)));
    struct param_entry *entry = mem_zalloc(sizeof *entry);
    entry->row = row;
    entry->settings = settings;
    table_set(params->entries, slice_text(row->name), entry);
    if (row->alias) {
        CHECK(!table_has(params->entries, slice_text(row->alias)));
        table_set(params->entries, slice_text(row->alias), entry);
    }
    params->sorted[params->count++] = entry;
}

void params_add(struct params *params, const struct param *rows, size_t count, void *settings) {
    settings_init(rows, count, settings);
    params->sorted = mem_realloc(params->sorted, (params->count + count + 1) * sizeof *params->sorted);
    for (size_t i = 0; i < count; i++) add_row(params, &rows[i], settings);
    qsort(params->sorted, params->count, sizeof *params->sorted, compare_entries);
    params->rooms = mem_realloc(params->rooms, (params->room_count + 1) * sizeof *params->rooms);
    params->rooms[params->room_count++] = (struct room){rows, count, settings};
}

void params_bind(struct params *params, const char *name, struct param_binding binding, void *context) {
    struct param_entry *entry = params_find(params, slice_text(name));
    CHECK(entry != NULL);
    if (binding.check) {
        CHECK(!entry->binding.check);
        entry->binding.check = binding.check;
        entry->check_context = context;
    }
    if (binding.apply) {
        CHECK(!entry->binding.apply);
        entry->binding.apply = binding.apply;
        entry->apply_context = context;
    }
    if (binding.get) {
        CHECK(!entry->binding.get);
        entry->binding.get = binding.get;
        entry->get_context = context;
    }
    if (binding.equal) {
        CHECK(!entry->binding.equal);
        entry->binding.equal = binding.equal;
        entry->equal_context = context;
    }
}

void params_add_group(struct params *params, const struct param_group *group, void *context) {
    params->groups = mem_realloc(params->groups, (params->group_count + 1) * sizeof *params->groups);
    params->groups[params->group_count++] = (struct group_entry){group, context};
}

void params_set_main_file(struct params *params, const char *path) {
    mem_free(params->main_file);
    params->main_file = path ? mem_strdup(path) : NULL;
}

const char *params_main_file(const struct params *params) {
    return params->main_file;
}

const char *params_keep_file(struct params *params, const char *path) {
    for (size_t i = 0; i < params->file_count; i++)
        if (strcmp(params->files[i], path) == 0) return params->files[i];
    params->files = mem_realloc(params->files, (params->file_count + 1) * sizeof *params->files);
    return params->files[params->file_count++] = mem_strdup(path);
}

/* ---- finding
 * --------------------------------------------------------------------------------------------------------- */

struct param_entry *params_find(const struct params *params, struct slice name) {
    return table_find(params->entries, name);
}

static bool is_named(struct slice name, const char *a, const char *b) {
    return slice_is_nocase(name, a) || (b && slice_is_nocase(name, b));
}

const struct param_absent *params_find_absent(const struct params *params, struct slice name) {
    if (params_find(params, name)) return NULL;
    for (size_t i = 0; i < COUNT_OF(absent_rows); i++)
        if (is_named(name, absent_rows[i].name, absent_rows[i].alias)) return &absent_rows[i];
    return NULL;
}

const struct param_group *params_find_group(const struct params *params, struct slice name, void **context) {
    for (size_t i = 0; i < params->group_count; i++) {
        if (!is_named(name, params->groups[i].group->name, params->groups[i].group->alias)) continue;
        if (context) *context = params->groups[i].context;
        return params->groups[i].group;
    }
    return NULL;
}

size_t params_count(const struct params *params) {
    return params->count;
}

struct param_entry *params_at(const struct params *params, size_t place) {
    CHECK(place < params->count);
    return params->sorted[place];
}

size_t params_absent_count(const struct params *params) {
    return COUNT_OF(absent_rows);
}

const struct param_absent *params_absent_at(const struct params *params, size_t place) {
    CHECK(place < COUNT_OF(absent_rows));
    return params_find(params, slice_text(absent_rows[place].name)) ? NULL : &absent_rows[place];
}

bool param_absent_accepts(const struct param_absent *absent, struct slice text) {
    return absent->off && slice_is_nocase(slice_trim(text), absent->off);
}

static bool begins(const char *name, struct slice prefix) {
    return name && strlen(name) > prefix.size && name[prefix.size] == '-' &&
           slice_equal_nocase(slice_make(name, prefix.size), prefix);
}

bool params_has_prefix(const struct params *params, struct slice prefix) {
    for (size_t i = 0; i < params->count; i++)
        if (begins(params->sorted[i]->row->name, prefix) || begins(params->sorted[i]->row->alias, prefix)) return true;
    for (size_t i = 0; i < COUNT_OF(absent_rows); i++)
        if (begins(absent_rows[i].name, prefix) || begins(absent_rows[i].alias, prefix)) return true;
    for (size_t i = 0; i < params->group_count; i++)
        if (begins(params->groups[i].group->name, prefix) || begins(params->groups[i].group->alias, prefix))
            return true;
    return false;
}

/* ---- names that look alike
 * --------------------------------------------------------------------------------------------- */

enum { LONGEST_NAME = 64 };

static unsigned lower(char c) {
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c == '_' ? '-' : c);
}

/* Letters to add, remove, change or swap with their neighbour (optimal string alignment). */
static unsigned distance(struct slice a, struct slice b) {
    unsigned rows[3][LONGEST_NAME + 1];
    unsigned *two_up = rows[0], *up = rows[1], *row = rows[2];
    for (unsigned j = 0; j <= b.size; j++) up[j] = j;
    for (unsigned i = 1; i <= a.size; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= b.size; j++) {
            bool same = lower(a.data[i - 1]) == lower(b.data[j - 1]);
            row[j] = MIN(MIN(up[j], row[j - 1]) + 1, up[j - 1] + !same);
            bool swapped = i > 1 && j > 1 && lower(a.data[i - 1]) == lower(b.data[j - 2]) &&
                           lower(a.data[i - 2]) == lower(b.data[j - 1]);
            if (swapped) row[j] = MIN(row[j], two_up[j - 2] + 1);
        }
        unsigned *spare = two_up;
        two_up = up, up = row, row = spare;
    }
    return up[b.size];
}

struct nearest {
    struct slice wanted;
    const char *name;
    unsigned distance;
};

static void consider(struct nearest *nearest, const char *name) {
    if (!name || strlen(name) > LONGEST_NAME) return;
    unsigned far = distance(nearest->wanted, slice_text(name));
    if (far < nearest->distance) nearest->distance = far, nearest->name = name;
}

static struct nearest nearest_to(struct slice name) {
    /* what differs in more than a third of its letters is another word */
    return (struct nearest){name, NULL, (unsigned)MIN(name.size, (size_t)LONGEST_NAME) / 3 + 1};
}

const char *params_suggest(const struct params *params, struct slice name) {
    struct nearest nearest = nearest_to(name);
    if (name.size == 0 || name.size > LONGEST_NAME) return NULL;
    for (size_t i = 0; i < params->count; i++) {
        consider(&nearest, params->sorted[i]->row->name);
        consider(&nearest, params->sorted[i]->row->alias);
    }
    for (size_t i = 0; i < params->group_count; i++) consider(&nearest, params->groups[i].group->name);
    for (size_t i = 0; i < COUNT_OF(absent_rows); i++) consider(&nearest, absent_rows[i].name);
    return nearest.name;
}

const char *params_suggest_row(const struct param *rows, size_t count, struct slice name) {
    struct nearest nearest = nearest_to(name);
    if (name.size == 0 || name.size > LONGEST_NAME) return NULL;
    for (size_t i = 0; i < count; i++) {
        consider(&nearest, rows[i].name);
        consider(&nearest, rows[i].alias);
    }
    return nearest.name;
}

/* ---- reading
 * -------------------------------------------------------------------------------------------------------------- */

const struct param *param_row(const struct param_entry *entry) {
    return entry->row;
}

struct param_origin param_origin(const struct param_entry *entry) {
    return entry->origin;
}

void param_get(const struct param_entry *entry, struct param_values *out) {
    CHECK(out->count == 0);
    if (entry->binding.get)
        entry->binding.get(entry->get_context, out);
    else
        settings_get(entry->row, entry->settings, out);
}

void param_get_text(const struct param_entry *entry, struct bytes *out) {
    struct param_values values = {0};
    param_get(entry, &values);
    param_values_print(&values, out);
    param_values_fini(&values);
}

bool param_is(const struct param_entry *entry, const struct param_values *values) {
    if (entry->binding.equal) return entry->binding.equal(entry->equal_context, values);
    struct param_values now = {0};
    param_get(entry, &now);
    bool same = param_values_equal(&now, values);
    param_values_fini(&now);
    return same;
}

size_t params_row_count(const struct params *params) {
    return params->count;
}

const struct param *params_row_at(const struct params *params, size_t place) {
    for (size_t i = 0; i < params->room_count; i++) {
        if (place < params->rooms[i].count) return &params->rooms[i].rows[place];
        place -= params->rooms[i].count;
    }
    UNREACHABLE("a row beyond the last one");
}

void param_get_plain(const struct param_entry *entry, struct param_values *out) {
    settings_get(entry->row, entry->settings, out);
}

void param_parse_default(const struct param *row, struct param_values *out) {
    struct slice def = slice_text(row->def ? row->def : "");
    CHECK(param_parse(row, &def, 1, out, NULL)); /* rows are checked when they are added */
}

void param_get_default(const struct param_entry *entry, struct param_values *out) {
    param_parse_default(entry->row, out);
}

bool param_is_live(const struct param_entry *entry) {
    return entry->binding.get != NULL;
}

bool param_is_default(const struct param_entry *entry) {
    struct param_values def = {0};
    param_get_default(entry, &def);
    bool same = param_is(entry, &def);
    param_values_fini(&def);
    return same;
}

/* ---- changing
 * -------------------------------------------------------------------------------------------------------------- */

static bool check_bound(const struct param_entry *entry, const struct param_values *values, struct error *err) {
    return !entry->binding.check || entry->binding.check(entry->check_context, values, err);
}

bool param_store(struct params *params, struct param_entry *entry, struct param_values *values,
                 struct param_origin origin, struct error *err) {
    if (!check_bound(entry, values, err)) {
        param_values_fini(values);
        return false;
    }
    settings_store(entry->row, entry->settings, values);
    entry->origin = origin;
    return true;
}

/* One params_change() in flight. Arrays are as long as the list of changes. */
struct change {
    const struct param_change *changes;
    size_t count;
    struct param_values *new_values, *old_values;
    bool *is_same;
};

/* The first change with the same function and context as change i: it applies for all of them. */
static size_t first_of_effect(const struct change *change, size_t i) {
    const struct param_entry *entry = change->changes[i].entry;
    for (size_t j = 0; j < i; j++) {
        const struct param_entry *other = change->changes[j].entry;
        if (change->is_same[j] || other->binding.apply != entry->binding.apply) continue;
        if (other->apply_context == entry->apply_context) return j;
    }
    return i;
}

static bool check_all(struct change *change, size_t *failed, struct error *err) {
    for (size_t i = 0; i < change->count; i++) {
        struct param_entry *entry = change->changes[i].entry;
        *failed = i;
        if (!(entry->row->flags & PARAM_MUTABLE)) return error_set(err, "can't set immutable config");
        if (!param_parse(entry->row, &change->changes[i].text, 1, &change->new_values[i], err)) return false;
        if (!check_bound(entry, &change->new_values[i], err)) return false;
        param_get(entry, &change->old_values[i]);
    }
    return true;
}

static void store_all(struct change *change, const struct param_values *from) {
    for (size_t i = 0; i < change->count; i++) {
        struct param_entry *entry = change->changes[i].entry;
        struct param_values copy = {0}, now = {0};
        param_values_copy(&copy, &from[i]);
        settings_store(entry->row, entry->settings, &copy);
        settings_get(entry->row, entry->settings, &now);
        if (from == change->new_values) {
            bool is_volatile = (entry->row->flags & PARAM_VOLATILE) || entry->binding.get;
            change->is_same[i] = !is_volatile && param_values_equal(&now, &change->old_values[i]);
        }
        param_values_fini(&now);
    }
}

static bool apply_all(const struct change *change, size_t count, size_t *failed, struct error *err) {
    for (size_t i = 0; i < count; i++) {
        struct param_entry *entry = change->changes[i].entry;
        if (!entry->binding.apply || change->is_same[i] || first_of_effect(change, i) != i) continue;
        *failed = i;
        if (!entry->binding.apply(entry->apply_context, err)) return false;
    }
    return true;
}

static void roll_back(struct change *change, size_t applied) {
    struct error err;
    store_all(change, change->old_values);
    for (size_t i = 0; i < applied; i++) { /* one by one: each gets its chance */
        struct param_entry *entry = change->changes[i].entry;
        if (!entry->binding.apply || change->is_same[i] || first_of_effect(change, i) != i) continue;
        if (!entry->binding.apply(entry->apply_context, &err))
            LOG_WRITE(LOG_WARNING, "The former value of %s could not be put back: %s", entry->row->name, err.text);
    }
}

bool params_change(struct params *params, const struct param_change *changes, size_t count, size_t *failed,
                   struct error *err) {
    struct change change = {.changes = changes, .count = count};
    change.new_values = mem_zalloc((count + 1) * sizeof *change.new_values);
    change.old_values = mem_zalloc((count + 1) * sizeof *change.old_values);
    change.is_same = mem_zalloc((count + 1) * sizeof *change.is_same);
    size_t at = 0;
    bool good = check_all(&change, &at, err);
    if (good) {
        store_all(&change, change.new_values);
        good = apply_all(&change, count, &at, err);
        if (!good) roll_back(&change, at + 1);
    }
    for (size_t i = 0; i < count; i++) {
        if (good) changes[i].entry->origin = (struct param_origin){.source = PARAM_FROM_COMMAND};
        param_values_fini(&change.new_values[i]);
        param_values_fini(&change.old_values[i]);
    }
    if (!good && failed) *failed = at;
    mem_free(change.new_values);
    mem_free(change.old_values);
    mem_free(change.is_same);
    return good;
}
