#include "store/persist/aof_manifest.h"
#include "base/mem.h"
#include "base/number.h"
#include "net/resp_parse.h"

#include <stdlib.h>

struct list_of_files {
    struct aof_entry *entries;
    size_t            count, capacity;
};

struct aof_manifest {
    struct aof_entry     base; /* name NULL: none */
    struct list_of_files incr, history;
    int64_t              base_number, incr_number; /* the last that were given */
};

/* ---- lists ---- */

static struct aof_entry *append(struct list_of_files *list, const struct aof_entry *entry) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 4;
        list->entries = mem_realloc(list->entries, list->capacity * sizeof *list->entries);
    }
    list->entries[list->count] = *entry;
    return &list->entries[list->count++];
}

static void clear(struct list_of_files *list) {
    for (size_t i = 0; i < list->count; i++) mem_free(list->entries[i].name);
    list->count = 0;
}

static void copy(struct list_of_files *to, const struct list_of_files *from) {
    for (size_t i = 0; i < from->count; i++) {
        struct aof_entry entry = from->entries[i];
        entry.name = mem_strdup(entry.name);
        append(to, &entry);
    }
}

static bool has(const struct list_of_files *list, const char *name) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->entries[i].name, name) == 0) return true;
    return false;
}

static bool is_listed(const struct aof_manifest *manifest, const char *name) {
    return (manifest->base.name && strcmp(manifest->base.name, name) == 0) || has(&manifest->incr, name) ||
           has(&manifest->history, name);
}

/* ---- life ---- */

struct aof_manifest *aof_manifest_new(void) {
    return mem_zalloc(sizeof(struct aof_manifest));
}

struct aof_manifest *aof_manifest_copy(const struct aof_manifest *from) {
    struct aof_manifest *manifest = mem_zalloc(sizeof *manifest);
    manifest->base = from->base;
    if (from->base.name) manifest->base.name = mem_strdup(from->base.name);
    copy(&manifest->incr, &from->incr);
    copy(&manifest->history, &from->history);
    manifest->base_number = from->base_number;
    manifest->incr_number = from->incr_number;
    return manifest;
}

void aof_manifest_free(struct aof_manifest **place) {
    struct aof_manifest *manifest = *place;
    *place = NULL;
    if (!manifest) return;
    clear(&manifest->incr);
    clear(&manifest->history);
    mem_free(manifest->incr.entries);
    mem_free(manifest->history.entries);
    mem_free(manifest->base.name);
    mem_free(manifest);
}

/* ---- reading ---- */

static bool check_name(struct slice name, struct error *err) {
    if (!name.size) return error_set(err, "a file without a name");
    if (name.size > AOF_NAME_MAX)
        return error_set(err, "a file name of %zu bytes; there may be %d", name.size, AOF_NAME_MAX);
    if (memchr(name.data, '/', name.size) || memchr(name.data, 0, name.size) || slice_is(name, ".") || slice_is(name, ".."))
        return error_set(err, "a file that is not a plain name in the folder of the append-only files");
    return true;
}

static bool read_pair(struct slice word, struct slice value, struct aof_entry *entry, struct error *err) {
    char shown[64];
    slice_print_plain(value, shown, sizeof shown);
    if (slice_is_nocase(word, "file")) {
        if (entry->name) return error_set(err, "\"file\" is there twice");
        if (!check_name(value, err)) return false;
        entry->name = slice_to_text(value);
    } else if (slice_is_nocase(word, "seq")) {
        if (!number_parse_int(value, &entry->number) || entry->number < 1)
            return error_set(err, "\"seq %s\" is not a number from 1 on", shown);
    } else if (slice_is_nocase(word, "type")) {
        if (value.size != 1 || !memchr("bih", value.data[0], 3))
            return error_set(err, "\"type %s\" is none of b (base), i (incr) and h (history)", shown);
        entry->type = (enum aof_type)value.data[0];
    }
    return true;
}

/* Where they are three, they are its file, number and type; `entry` owns the name, good or not. */
static bool read_words(const struct slice *words, size_t count, struct aof_entry *entry, struct error *err) {
    if (count % 2) return error_set(err, "a word without a value");
    for (size_t i = 0; i < count; i += 2)
        if (!read_pair(words[i], words[i + 1], entry, err)) return false;
    if (!entry->name) return error_set(err, "\"file\" is missing");
    if (!entry->number) return error_set(err, "\"seq\" is missing");
    return entry->type || error_set(err, "\"type\" is missing");
}

/* Takes the name where it is true. */
static bool accept(struct aof_manifest *manifest, const struct aof_entry *entry, struct error *err) {
    if (manifest->incr.count + manifest->history.count >= AOF_FILES_MAX)
        return error_set(err, "more than %d files", AOF_FILES_MAX);
    switch (entry->type) {
    case AOF_BASE:
        if (manifest->base.name) return error_set(err, "a second base; the first is %s", manifest->base.name);
        manifest->base = *entry;
        manifest->base_number = entry->number;
        return true;
    case AOF_INCR:
        if (entry->number <= manifest->incr_number)
            return error_set(err, "the incr file %s has number %lld, but %lld came before it", entry->name,
                             (long long)entry->number, (long long)manifest->incr_number);
        append(&manifest->incr, entry);
        manifest->incr_number = entry->number;
        return true;
    case AOF_HISTORY: append(&manifest->history, entry); return true;
    }
    UNREACHABLE("a type of file");
}

static bool read_line(struct aof_manifest *manifest, struct slice line, struct error *err) {
    struct bytes text = {0};
    struct slice *words = NULL;
    size_t count = 0;
    struct aof_entry entry = {0};
    bool good = resp_split_words(line, &text, &words, &count) ? read_words(words, count, &entry, err)
                                                              : error_set(err, "quotes that do not match");
    good = good && accept(manifest, &entry, err);
    if (!good) mem_free(entry.name);
    mem_free(words);
    bytes_fini(&text);
    return good;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A1. Two lines for one file would have it read twice; one that is also history would be removed. */
static bool check_names(const struct aof_manifest *manifest, struct error *err) {
    size_t count = 0;
    const char **names = mem_alloc((manifest->incr.count + manifest->history.count + 1) * sizeof *names);
    if (manifest->base.name) names[count++] = manifest->base.name;
    for (size_t i = 0; i < manifest->incr.count; i++) names[count++] = manifest->incr.entries[i].name;
    for (size_t i = 0; i < manifest->history.count; i++) names[count++] = manifest->history.entries[i].name;
    qsort(names, count, sizeof *names, compare_names);
    bool good = true;
    for (size_t i = 1; good && i < count; i++)
        if (strcmp(names[i - 1], names[i]) == 0) good = error_set(err, "the file %s is listed twice", names[i]);
    mem_free(names);
    return good;
}

struct aof_manifest *aof_manifest_parse(struct slice text, struct error *err) {
    struct aof_manifest *manifest = aof_manifest_new();
    unsigned number = 0, lines = 0;
    struct slice rest = text;
    while (rest.size) {
        const char *end = memchr(rest.data, '\n', rest.size);
        struct slice line = slice_make(rest.data, end ? (size_t)(end - rest.data) : rest.size);
        number++;
        bool good = true;
        if (line.size > AOF_LINE_MAX) good = error_set(err, "a line of more than %d bytes", AOF_LINE_MAX);
        else if (!end) good = error_set(err, "the line has no end: the file was cut off");
        else if (line.size && line.data[0] == '#') good = true;
        else if (!slice_trim(line).size) good = error_set(err, "an empty line");
        else if ((good = read_line(manifest, slice_trim(line), err))) lines++;
        if (!good) {
            (void)error_prefix(err, "line %u", number);
            aof_manifest_free(&manifest);
            return NULL;
        }
        rest = slice_make(end + 1, rest.size - line.size - 1);
    }
    bool good = lines ? check_names(manifest, err) : error_set(err, "it lists no files");
    if (!good) aof_manifest_free(&manifest);
    return manifest;
}

/* ---- writing ---- */

static bool needs_quotes(const char *name) {
    for (; *name; name++)
        if (*name <= ' ' || *name > '~' || strchr("\"'\\", *name)) return true;
    return false;
}

static void print_entry(const struct aof_entry *entry, struct bytes *out) {
    bytes_add_text(out, "file ");
    if (needs_quotes(entry->name)) bytes_add_quoted(out, slice_text(entry->name));
    else bytes_add_text(out, entry->name);
    bytes_add_printf(out, " seq %lld type %c\n", (long long)entry->number, (char)entry->type);
}

void aof_manifest_print(const struct aof_manifest *manifest, struct bytes *out) {
    if (manifest->base.name) print_entry(&manifest->base, out);
    for (size_t i = 0; i < manifest->history.count; i++) print_entry(&manifest->history.entries[i], out);
    for (size_t i = 0; i < manifest->incr.count; i++) print_entry(&manifest->incr.entries[i], out);
}

void aof_manifest_print_name(struct bytes *out, const char *stem) {
    bytes_add_printf(out, "%s.manifest", stem);
}

void aof_manifest_print_temporary_name(struct bytes *out, const char *stem) {
    bytes_add_printf(out, "temp-%s.manifest", stem);
}

/* ---- what is there ---- */

const struct aof_entry *aof_manifest_base(const struct aof_manifest *manifest) {
    return manifest->base.name ? &manifest->base : NULL;
}

size_t aof_manifest_incr_count(const struct aof_manifest *manifest) {
    return manifest->incr.count;
}

const struct aof_entry *aof_manifest_incr(const struct aof_manifest *manifest, size_t place) {
    CHECK(place < manifest->incr.count);
    return &manifest->incr.entries[place];
}

const struct aof_entry *aof_manifest_last_incr(const struct aof_manifest *manifest) {
    return manifest->incr.count ? &manifest->incr.entries[manifest->incr.count - 1] : NULL;
}

size_t aof_manifest_history_count(const struct aof_manifest *manifest) {
    return manifest->history.count;
}

const struct aof_entry *aof_manifest_history(const struct aof_manifest *manifest, size_t place) {
    CHECK(place < manifest->history.count);
    return &manifest->history.entries[place];
}

bool aof_manifest_is_empty(const struct aof_manifest *manifest) {
    return !manifest->base.name && !manifest->incr.count;
}

/* ---- changes ---- */

/* The next number whose name is free: a name that is still listed (an old base, say) is not given again. */
static bool next_name(const struct aof_manifest *manifest, const char *stem, const char *suffix, int64_t *number,
                      char **name, struct error *err) {
    int64_t next = *number;
    do {
        if (next == INT64_MAX) return error_set(err, "there is no number left for another append-only file");
        *name = mem_printf("%s.%lld.%s", stem, (long long)++next, suffix);
        if (strlen(*name) > AOF_NAME_MAX) {
            mem_free(*name);
            return error_set(err, "the parameter appendfilename is too long for the names of files");
        }
        if (!is_listed(manifest, *name)) break;
        mem_free(*name);
    } while (true);
    *number = next;
    return true;
}

static void retire(struct aof_manifest *manifest, struct aof_entry *entry) {
    entry->type = AOF_HISTORY;
    append(&manifest->history, entry);
}

void aof_manifest_adopt(struct aof_manifest *manifest, const char *name) {
    CHECK(aof_manifest_is_empty(manifest));
    manifest->base = (struct aof_entry){.name = mem_strdup(name), .number = 1, .type = AOF_BASE};
    manifest->base_number = 1;
}

const struct aof_entry *aof_manifest_replace_base(struct aof_manifest *manifest, const char *stem, bool is_rdb,
                                                  struct error *err) {
    struct aof_entry entry = {.type = AOF_BASE, .number = manifest->base_number};
    if (!next_name(manifest, stem, is_rdb ? "base.rdb" : "base.aof", &entry.number, &entry.name, err)) return NULL;
    if (manifest->base.name) retire(manifest, &manifest->base);
    manifest->base = entry;
    manifest->base_number = entry.number;
    return &manifest->base;
}

const struct aof_entry *aof_manifest_add_incr(struct aof_manifest *manifest, const char *stem, struct error *err) {
    struct aof_entry entry = {.type = AOF_INCR, .number = manifest->incr_number};
    if (!next_name(manifest, stem, "incr.aof", &entry.number, &entry.name, err)) return NULL;
    manifest->incr_number = entry.number;
    return append(&manifest->incr, &entry);
}

void aof_manifest_retire_incr(struct aof_manifest *manifest, size_t keep) {
    struct list_of_files *incr = &manifest->incr;
    if (incr->count <= keep) return;
    size_t gone = incr->count - keep;
    for (size_t i = 0; i < gone; i++) retire(manifest, &incr->entries[i]);
    memmove(incr->entries, incr->entries + gone, keep * sizeof *incr->entries);
    incr->count = keep;
}

void aof_manifest_forget_history(struct aof_manifest *manifest) {
    clear(&manifest->history);
}
