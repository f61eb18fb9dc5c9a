#include "sentinel/driver/state_entries.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/table.h"
#include "net/resp_parse.h"

#include <ctype.h>

/* ---- the fields of a record ---- */

enum field_type { FIELD_TEXT, FIELD_U64, FIELD_U32, FIELD_U16, FIELD_BOOL };

struct field {
    const char     *name;
    enum field_type type;
    size_t          offset;
    unsigned        kinds;  /* bit of every enum state_kind that has it */
    bool            in_key; /* part of the key instead of the value */
};

#define KIND(kind) (1u << STATE_##kind)
#define FIELD(name, type, member, kinds) {name, type, offsetof(struct state_record, member), kinds, false}
#define KEY_FIELD(name, type, member, kinds) {name, type, offsetof(struct state_record, member), kinds, true}

static const struct field fields[] = {
    KEY_FIELD("name", FIELD_TEXT, name, KIND(PRIMARY) | KIND(OPTION) | KIND(REPLICA) | KIND(SENTINEL) | KIND(REMOVED) | KIND(HISTORY)),
    KEY_FIELD("option", FIELD_TEXT, option, KIND(GLOBAL) | KIND(OPTION)),
    /* Several rename-commands are several records. */
    KEY_FIELD("value", FIELD_TEXT, value, 0),
    KEY_FIELD("host", FIELD_TEXT, host, KIND(REPLICA)),
    KEY_FIELD("port", FIELD_U16, port, KIND(REPLICA)),
    KEY_FIELD("id", FIELD_TEXT, id, KIND(SENTINEL)),
    KEY_FIELD("serial", FIELD_U64, epoch, KIND(HISTORY)),
    FIELD("record", FIELD_TEXT, value, KIND(HISTORY)),
    FIELD("id", FIELD_TEXT, id, KIND(SELF)),
    FIELD("host", FIELD_TEXT, host, KIND(PRIMARY) | KIND(SENTINEL)),
    FIELD("port", FIELD_U16, port, KIND(PRIMARY) | KIND(SENTINEL)),
    FIELD("configured-host", FIELD_TEXT, configured_host, KIND(PRIMARY) | KIND(REMOVED)),
    FIELD("configured-port", FIELD_U16, configured_port, KIND(PRIMARY) | KIND(REMOVED)),
    FIELD("at-run-time", FIELD_BOOL, at_run_time, KIND(PRIMARY)),
    FIELD("quorum", FIELD_U32, quorum, KIND(PRIMARY)),
    FIELD("fresh", FIELD_BOOL, fresh, KIND(PRIMARY)),
    FIELD("guarded", FIELD_U32, guarded, KIND(PRIMARY)),
    FIELD("current-epoch", FIELD_U64, epoch, KIND(SELF)),
    FIELD("config-epoch", FIELD_U64, config_epoch, KIND(PRIMARY)),
    FIELD("vote-epoch", FIELD_U64, vote_epoch, KIND(PRIMARY)),
    FIELD("vote", FIELD_TEXT, id, KIND(PRIMARY)),
    FIELD("value", FIELD_TEXT, value, KIND(GLOBAL) | KIND(OPTION)),
    FIELD("second", FIELD_TEXT, second, KIND(OPTION)),
    FIELD("configured", FIELD_TEXT, configured, KIND(GLOBAL) | KIND(OPTION)),
};

static void add_word(struct bytes *out, struct slice word) {
    bool plain = word.size > 0;
    for (size_t i = 0; i < word.size && plain; i++)
        plain = isalnum((unsigned char)word.data[i]) || strchr(".:-_/@+=,*%[]", word.data[i]);
    if (out->size) bytes_add_char(out, ' ');
    if (plain) bytes_add_slice(out, word);
    else bytes_add_quoted(out, word);
}

static uint64_t number_of(const struct state_record *record, const struct field *field) {
    const char *at = (const char *)record + field->offset;
    switch (field->type) {
    case FIELD_U64: return *(const uint64_t *)(const void *)at;
    case FIELD_U32: return *(const uint32_t *)(const void *)at;
    case FIELD_U16: return *(const uint16_t *)(const void *)at;
    case FIELD_BOOL: return *(const bool *)(const void *)at;
    case FIELD_TEXT: break;
    }
    UNREACHABLE("a text is no number");
}

static void add_field(struct bytes *out, const struct state_record *record, const struct field *field) {
    if (field->type == FIELD_TEXT) {
        const char *text = *(const char *const *)(const void *)((const char *)record + field->offset);
        add_word(out, slice_text(text ? text : ""));
        return;
    }
    char text[NUMBER_TEXT_SIZE];
    add_word(out, slice_make(text, number_print_uint(text, number_of(record, field))));
}

static bool is_in_key(const struct state_record *record, const struct field *field) {
    if (field->in_key && field->offset == offsetof(struct state_record, value))
        return record->kind == STATE_OPTION && record->option && strcmp(record->option, "rename-command") == 0;
    return field->in_key && (field->kinds & (1u << record->kind));
}

static void print_record(const struct state_record *record, struct bytes *key, struct bytes *value) {
    bytes_clear(key);
    bytes_clear(value);
    add_word(key, slice_text(state_kind_name(record->kind)));
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (is_in_key(record, &fields[i])) add_field(key, record, &fields[i]);
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (fields[i].in_key || !(fields[i].kinds & (1u << record->kind))) continue;
        add_word(value, slice_text(fields[i].name));
        add_field(value, record, &fields[i]);
    }
}

/* ---- storing ---- */

struct stale { /* keys of the file that no record has */
    const struct table *present;
    char              **keys;
    size_t              count, capacity;
};

static void note_if_stale(void *context, const char *key, const char *value) {
    (void)value;
    struct stale *stale = context;
    if (table_has(stale->present, slice_text(key))) return;
    if (stale->count == stale->capacity) {
        stale->capacity = MAX(16, stale->capacity * 2);
        stale->keys = mem_realloc(stale->keys, stale->capacity * sizeof(*stale->keys));
    }
    stale->keys[stale->count++] = mem_strdup(key);
}

void state_entries_store(struct state_file *file, const struct state_records *records) {
    struct bytes key = {0}, value = {0};
    struct table *present = table_new();
    for (size_t i = 0; i < records->count; i++) {
        print_record(&records->items[i], &key, &value);
        state_file_set(file, bytes_text(&key), bytes_text(&value));
        table_set(present, bytes_slice(&key), file);
    }
    struct stale stale = {.present = present};
    if (state_file_count(file) > table_count(present)) state_file_each(file, note_if_stale, &stale);
    for (size_t i = 0; i < stale.count; i++) {
        state_file_remove(file, stale.keys[i]);
        mem_free(stale.keys[i]);
    }
    mem_free(stale.keys);
    table_free(&present, NULL);
    bytes_fini(&key);
    bytes_fini(&value);
}

/* ---- storing changes ---- */

struct state_index {
    struct table *known, *history; /* primary's name -> struct table of the keys that the file has */
};

static void keys_free(void *value) {
    struct table *keys = value;
    table_free(&keys, NULL);
}

struct state_index *state_index_new(void) {
    struct state_index *index = mem_zalloc(sizeof(*index));
    index->known = table_new();
    index->history = table_new();
    return index;
}

void state_index_free(struct state_index **index) {
    if (!*index) return;
    table_free(&(*index)->known, keys_free);
    table_free(&(*index)->history, keys_free);
    mem_free(*index);
    *index = NULL;
}

/* From now on these are the keys of that primary; the file loses those that it had and has no more. */
static void replace_keys(struct state_file *file, struct table *index, const char *name, struct table *keys) {
    if (!keys) return;
    struct table *old = table_set(index, slice_text(name), keys);
    if (!old) return;
    struct table_walk *walks = table_sorted(old);
    for (size_t i = 0; i < table_count(old); i++) {
        if (table_has(keys, walks[i].key)) continue;
        char *key = slice_to_text(walks[i].key);
        state_file_remove(file, key);
        mem_free(key);
    }
    mem_free(walks);
    keys_free(old);
}

static struct table *keys_if(unsigned parts, unsigned part) {
    return parts & part ? table_new() : NULL;
}

void state_entries_store_changes(struct state_file *file, struct state_index *index,
                                 const struct state_records *records, bool whole) {
    if (whole) {
        state_entries_store(file, records);
        table_clear(index->known, keys_free);
        table_clear(index->history, keys_free);
    }
    struct bytes key = {0}, value = {0};
    struct table *known = NULL, *history = NULL; /* of the primary whose records come */
    const char *name = "";
    for (size_t i = 0; i < records->count; i++) {
        const struct state_record *record = &records->items[i];
        print_record(record, &key, &value);
        if (!whole) state_file_set(file, bytes_text(&key), bytes_text(&value));
        if (record->kind == STATE_PRIMARY || record->kind == STATE_REMOVED) {
            replace_keys(file, index->known, name, known);
            replace_keys(file, index->history, name, history);
            unsigned parts = record->kind == STATE_PRIMARY ? record->parts : 0;
            known = keys_if(parts, STATE_PART_KNOWN);
            history = keys_if(parts, STATE_PART_HISTORY);
            name = record->name;
            continue;
        }
        struct table *keys = record->kind == STATE_HISTORY ? history : known;
        if (keys) table_set(keys, bytes_slice(&key), file);
    }
    replace_keys(file, index->known, name, known);
    replace_keys(file, index->history, name, history);
    bytes_fini(&key);
    bytes_fini(&value);
}

/* ---- reading ---- */

struct reading {
    struct state_records *records;
    enum state_kind       wanted; /* the machine wants them kind by kind */
    struct bytes          key_text, value_text;
    bool                  ok;
    struct error         *err;
};

static bool set_field(struct state_record *record, const struct field *field, struct slice word) {
    char *at = (char *)record + field->offset;
    uint64_t number;
    if (field->type == FIELD_TEXT) { /* words have a zero behind them */
        *(const char **)(void *)at = word.data;
        return true;
    }
    if (!number_parse_uint(word, &number)) return false;
    switch (field->type) {
    case FIELD_U64: *(uint64_t *)(void *)at = number; return true;
    case FIELD_U32: *(uint32_t *)(void *)at = (uint32_t)number; return number <= UINT32_MAX;
    case FIELD_U16: *(uint16_t *)(void *)at = (uint16_t)number; return number <= UINT16_MAX;
    case FIELD_BOOL: *(bool *)(void *)at = number != 0; return number <= 1;
    case FIELD_TEXT: break;
    }
    return false;
}

static bool set_key_fields(struct state_record *record, const struct slice *words, size_t count) {
    size_t used = 1;
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (!is_in_key(record, &fields[i])) continue;
        if (used == count || !set_field(record, &fields[i], words[used])) return false;
        used++;
    }
    return used == count;
}

/* Fields that this version does not know are skipped: a format that must not be read has another number. */
static bool set_value_fields(struct state_record *record, const struct slice *words, size_t count) {
    for (size_t at = 0; at + 1 < count; at += 2) {
        for (size_t i = 0; i < COUNT_OF(fields); i++) {
            const struct field *field = &fields[i];
            if (field->in_key || !(field->kinds & (1u << record->kind)) || !slice_is(words[at], field->name)) continue;
            if (!set_field(record, field, words[at + 1])) return false;
        }
    }
    return count % 2 == 0;
}

static bool read_record(struct reading *reading, const char *key, const char *value) {
    struct slice *key_words = NULL, *value_words = NULL;
    size_t key_count = 0, value_count = 0;
    bytes_clear(&reading->key_text);
    bytes_clear(&reading->value_text);
    struct state_record record = {0};
    bool ok = resp_split_words(slice_text(key), &reading->key_text, &key_words, &key_count) && key_count > 0 &&
              resp_split_words(slice_text(value), &reading->value_text, &value_words, &value_count) &&
              state_kind_find(key_words[0], &record.kind);
    if (ok && record.kind == reading->wanted) {
        ok = set_key_fields(&record, key_words, key_count) && set_value_fields(&record, value_words, value_count);
        if (ok) state_records_add(reading->records, &record);
    }
    mem_free(key_words);
    mem_free(value_words);
    return ok;
}

static void on_entry(void *context, const char *key, const char *value) {
    struct reading *reading = context;
    if (!reading->ok || read_record(reading, key, value)) return;
    reading->ok = error_set(reading->err, "the entry \"%s\": \"%s\" makes no sense to this version", key, value);
}

bool state_entries_read(const struct state_file *file, struct state_records *records, struct error *err) {
    struct reading reading = {.records = records, .ok = true, .err = err};
    for (int kind = 0; kind < STATE_KINDS && reading.ok; kind++) {
        reading.wanted = (enum state_kind)kind;
        state_file_each(file, on_entry, &reading);
    }
    bytes_fini(&reading.key_text);
    bytes_fini(&reading.value_text);
    return reading.ok;
}
