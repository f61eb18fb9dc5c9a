/* The parameters of this process: one table of rows each room, and one registry that reads, sets, applies, explains.
 *
 * HOW A ROOM DECLARES ITS PARAMETERS. A room has one .def file, one settings struct and one row array, all from the
 * same lines (here the store; core's own are param.def and core_settings.h):
 *
 *     store/store_params.def
 *         PARAM("repl-timeout", repl_timeout_s, uint, .def = "60", .min = 1, .flags = PARAM_MUTABLE,
 *               .section = "replication",
 *               .help = "Seconds without a sign of life after which a replication link counts as broken.")
 *     store/store_settings.h
 *         struct store_settings {
 *         #define PARAM(name, field, type, ...) PARAM_FIELD_##type(field)
 *         #include "store/store_params.def"
 *         #undef PARAM
 *         };
 *     store/store_settings.c
 *         static const struct param rows[] = {
 *         #define PARAM(name, field, type, ...) PARAM_ROW(struct store_settings, name, field, type, __VA_ARGS__)
 *         #include "store/store_params.def"
 *         #undef PARAM
 *         };
 *         params_add(params, rows, COUNT_OF(rows), &store->settings);     fills in every default
 *         params_bind(params, "repl-timeout", (struct param_binding){.apply = on_repl_timeout}, store);
 *
 * The code then reads `settings->repl_timeout_s`. A parameter whose feature does not exist yet has no row: its name
 * stands in param_absent.def with the reason, and it is refused by name. When you build the feature, add the row to
 * your .def. A row wins over an absent name; what stays in the list is what the other mode says of it ("a sentinel
 * keeps no data"). An absent name may list values that mean "feature off" (`save ""`, `appendonly no`): these are
 * accepted, and they are what CONFIG GET answers.
 *
 * VALUES. Whatever its source (YAML, CONFIG SET, command line), a value is a `struct param_values`: one item for a
 * plain parameter, any number for a list, keyed items for a map. param_parse() makes it from words, checks it and puts
 * it into its canonical form; nothing is stored that did not pass.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/error.h"

/* ---- rows --------------------------------------------------------------------------------------------------- */

/* The row's type word    the settings field         as text
 *   bool                 bool                       yes, no
 *   int                  int64_t                    decimal, within [min, max]
 *   uint                 uint64_t                   decimal, within [min, max]; an empty or negative one is an error
 *   size                 uint64_t (bytes)           decimal, or with a unit (2gb); printed in bytes
 *   text                 char *, never NULL         as it is; "" is "not set". At most `max` bytes where max is not 0
 *   enum                 int                        one of `choices`
 *   octal                uint32_t                   octal digits, within [min, max]
 *   list                 struct param_values        items without keys. `words` words make an item (0 and 1: see below)
 *   map                  struct param_values        items with keys; a change merges by key into what stands there
 * min and max both 0 mean: no bounds but the type's.
 *
 * Words. A list with `words` = 1 (bind) takes single words; with `words` = 2 (save) each item is two words: "3600 1
 * 300 100" is two items, and so is ["3600 1", "300 100"]. `words` = 0: an item is whole text, never split (user,
 * include). For a map `words` counts the key too: client-output-buffer-limit has 4, rename-command 2; 0: the key and
 * the rest. */
enum param_type {
    PARAM_TYPE_bool,
    PARAM_TYPE_int,
    PARAM_TYPE_uint,
    PARAM_TYPE_size,
    PARAM_TYPE_text,
    PARAM_TYPE_enum,
    PARAM_TYPE_octal,
    PARAM_TYPE_list,
    PARAM_TYPE_map,
};

enum param_flags {
    PARAM_MUTABLE = 1 << 0,   /* CONFIG SET may change it */
    PARAM_SENSITIVE = 1 << 1, /* a secret: its value never appears in an error, a log line or `--help` */
    PARAM_PROTECTED = 1 << 2, /* CONFIG SET only where enable-protected-configs allows it */
    PARAM_HIDDEN = 1 << 3,    /* CONFIG GET shows it only when it is named exactly */
    PARAM_FILE_ONLY = 1 << 4, /* unknown to CONFIG GET and SET (user, rename-command, include) */
    PARAM_MULTI = 1 << 5,     /* a list of which redis.conf and the command line write one item each time */
    PARAM_REQUIRED = 1 << 6,  /* in a group: a member without it is an error */
    PARAM_VOLATILE = 1 << 7,  /* applied even when CONFIG SET gives it the value it has (a file may have changed) */
};

struct param_choice {
    const char *name;
    int value;
}; /* an array ends with {NULL, 0}; of several names of one value the first is printed */

struct param_item {
    char *key;  /* map: the key. Else NULL */
    char *text; /* never NULL */
};

/* `{0}` is a valid empty one. */
struct param_values {
    struct param_item *items; /* owned by the values, as are the texts */
    size_t count;
};

struct param;

/* Checks a value that has passed its type and its bounds, and may put it into canonical form. No effect elsewhere.
 * `err`: what was expected, without name or value ("must be between 1 and 3"). */
typedef bool param_check(const struct param *row, struct param_values *values, struct error *err);

struct param {
    const char *name;  /* "repl-timeout" */
    const char *alias; /* another spelling, on equal terms: "slave-read-only". NULL: none */
    enum param_type type;
    size_t offset;   /* of the field in the settings struct */
    const char *def; /* default, as words; NULL: "" for text, empty for list and map */
    int64_t min, max;
    unsigned words;
    unsigned flags; /* enum param_flags */
    const struct param_choice *choices;
    param_check *check;      /* may be NULL */
    const char *wrong_count; /* list, map: said of a wrong number of words. NULL: something general */
    const char *section;     /* of the manual: "network" */
    const char *help;        /* a sentence or more */
    const char *example;     /* for the manual where the default says nothing; YAML. May be NULL */
};

#define PARAM_FIELD_bool(field) bool field;
#define PARAM_FIELD__Bool(field) bool field;
#define PARAM_FIELD_int(field) int64_t field;
#define PARAM_FIELD_uint(field) uint64_t field;
#define PARAM_FIELD_size(field) uint64_t field;
#define PARAM_FIELD_text(field) char *field;
#define PARAM_FIELD_enum(field) int field;
#define PARAM_FIELD_octal(field) uint32_t field;
#define PARAM_FIELD_list(field) struct param_values field;
#define PARAM_FIELD_map(field) struct param_values field;

#define PARAM_TYPE__Bool PARAM_TYPE_bool /* `bool` is a macro of <stdbool.h> */
#define PARAM_ROW(settings, row_name, field, row_type, ...)                                                            \
    {.name = row_name, .type = PARAM_TYPE_##row_type, .offset = offsetof(settings, field), __VA_ARGS__},

/* A name that is known and whose feature is not here. */
struct param_absent {
    const char *name;
    const char *alias;  /* may be NULL */
    const char *reason; /* "the append-only file" : what is not here */
    const char *off;    /* the value that means "off" and is accepted. NULL: none */
    unsigned words;     /* as in struct param, for names that take more than one word */
};
#define PARAM_ABSENT(absent_name, ...) {.name = absent_name, __VA_ARGS__},

/* ---- the registry ------------------------------------------------------------------------------------------- */

struct params;      /* owned by the server; knows every room's rows */
struct param_entry; /* one registered row with its settings, its bindings and where its value came from */

struct params *params_new(void); /* gives: params_free(). Knows the absent names and nothing else */
/* Takes. Frees what the settings' text, list and map fields hold and leaves them NULL or empty. */
void params_free(struct params **params);

/* Registers rows over a settings struct and stores every default in it. Keeps rows and settings. The settings must be
 * zeroed. A default that its own row refuses, or a name that is there already, stops the process. */
void params_add(struct params *params, const struct param *rows, size_t count, void *settings);

/* What a parameter does beyond its field, attached by whoever owns the effect. Members may be NULL. */
struct param_binding {
    /* May the value be had, in this process, now? No effect. `err` as in param_check. */
    bool (*check)(void *context, const struct param_values *values, struct error *err);
    /* The field has its new value: make it so. Called by params_change() after all fields were set, once each distinct
     * (function, context), never while files are read. On failure every field gets its old value back and what had been
     * applied is applied again, which then must not fail. */
    bool (*apply)(void *context, struct error *err);
    /* The value as it is now, where it is not in the field (dir, user): adds to `out`, which is empty. */
    void (*get)(void *context, struct param_values *out);
    /* CONFIG REWRITE: does the file's value mean what is in force? NULL: it is compared with the value now. */
    bool (*equal)(void *context, const struct param_values *file);
};
/* Keeps context. The name must be there and the members that are given not yet bound. */
void params_bind(struct params *params, const char *name, struct param_binding binding, void *context);

/* A map of members that have parameters of their own (`sentinel: {masters: {mymaster: {host: ..., quorum: 2}}}` is the
 * group "sentinel-masters"). Each member is read into a fresh settings struct with the rows' defaults. Row names are
 * relative ("down-after-milliseconds"), nesting joins with dashes here too. */
struct param_member {
    struct slice name; /* "mymaster" */
    const void *settings;
    const bool *given; /* given[i]: row i stood in the file */
};
struct param_group {
    const char *name;  /* "sentinel-masters" */
    const char *alias; /* may be NULL: "sentinel-primaries" */
    const struct param *rows;
    size_t count;
    size_t settings_size;
    /* A member was read and all its values passed. Borrows the member: copy what is to stay. False with `err` (what is
     * wrong with it, without its name) is reported at the member's place. Only fill tables here: nothing has started,
     * and --check-config calls it too. */
    bool (*add)(void *context, const struct param_member *member, struct error *err);
};
/* Keeps group and context. */
void params_add_group(struct params *params, const struct param_group *group, void *context);

/* ---- finding and reading ------------------------------------------------------------------------------------ */

/* Either spelling; case does not matter. NULL: unknown or absent. */
struct param_entry *params_find(const struct params *params, struct slice name);
const struct param_absent *params_find_absent(const struct params *params, struct slice name);
const struct param_group *params_find_group(const struct params *params, struct slice name, void **context);
/* The known name (row, alias, absent, group) that looks most like `name`; NULL: none is near enough. Lent for good. */
const char *params_suggest(const struct params *params, struct slice name);
/* The same among some rows. */
const char *params_suggest_row(const struct param *rows, size_t count, struct slice name);

size_t params_count(const struct params *params);                         /* rows, without aliases and absent names */
struct param_entry *params_at(const struct params *params, size_t place); /* in the order of their names */
size_t params_absent_count(const struct params *params);
/* NULL: a row has that name after all. */
const struct param_absent *params_absent_at(const struct params *params, size_t place);
/* Is there any name that starts with `prefix` and a dash? Then `prefix` may be a map in a file. */
bool params_has_prefix(const struct params *params, struct slice prefix);
/* May this value stand for an absent name? */
bool param_absent_accepts(const struct param_absent *absent, struct slice text);

const struct param *param_row(const struct param_entry *entry);
/* The value now, in canonical form; gives: param_values_fini(). */
void param_get(const struct param_entry *entry, struct param_values *out);
/* The value now as CONFIG GET answers it: adds to `out`. */
void param_get_text(const struct param_entry *entry, struct bytes *out);
bool param_is_default(const struct param_entry *entry);

/* Where the value came from. */
enum param_source { PARAM_FROM_DEFAULT, PARAM_FROM_FILE, PARAM_FROM_ARGUMENT, PARAM_FROM_COMMAND };
struct param_origin {
    enum param_source source;
    const char *file;      /* PARAM_FROM_FILE: lent as long as the params live. Else NULL */
    unsigned line, column; /* from 1; 0: none */
};
struct param_origin param_origin(const struct param_entry *entry);

/* ---- changing ----------------------------------------------------------------------------------------------- */

/* Parses and checks without storing: `words` as they stood in a list of arguments (a text of CONFIG SET is one word; it
 * is split at blanks where the row takes several). `out` must be empty; gives: param_values_fini(). `err`: what was
 * expected, without name or value. */
MUST_USE bool param_parse(const struct param *row, const struct slice *words, size_t count, struct param_values *out,
                          struct error *err);
/* The same from items (a YAML list or map): an item without a key is words, in a map too. `at` (may be NULL) receives
 * the number of the item that is wrong, or the number of items when it is not one alone. */
MUST_USE bool param_parse_items(const struct param *row, const struct param_values *items, struct param_values *out,
                                size_t *at, struct error *err);

/* Stores a value that was parsed, while files and arguments are read (apply is not called; binding checks are). Takes
 * values. A map merges. */
MUST_USE bool param_store(struct params *params, struct param_entry *entry, struct param_values *values,
                          struct param_origin origin, struct error *err);

/* Remembers the name of a file for as long as the params live; lends it. */
const char *params_keep_file(struct params *params, const char *path);

/* CONFIG SET: all or nothing. Checks all, stores all, applies all; on failure everything is as it was, `err` says why
 * in the words of the established servers and `failed` which change. Neither looks at PARAM_PROTECTED nor at aliases
 * given twice: config_command does. */
struct param_change {
    struct param_entry *entry;
    struct slice text;
};
MUST_USE bool params_change(struct params *params, const struct param_change *changes, size_t count, size_t *failed,
                            struct error *err);

/* ---- settings structs ----------------------------------------------------------------------------------------- */

/* A settings struct of its own, outside the registry (members of groups, tests). */
void settings_init(const struct param *rows, size_t count, void *settings); /* zeroed before; stores the defaults */
void settings_fini(const struct param *rows, size_t count, void *settings);
/* Stores parsed values in a field. Takes. */
void settings_store(const struct param *row, void *settings, struct param_values *values);
void settings_get(const struct param *row, const void *settings, struct param_values *out); /* gives */

/* ---- values ------------------------------------------------------------------------------------------------- */

void param_values_fini(struct param_values *values);
void param_values_add(struct param_values *values, struct slice key, struct slice text); /* key.data NULL: none */
void param_values_copy(struct param_values *to, const struct param_values *from);        /* `to` is empty */
bool param_values_equal(const struct param_values *a, const struct param_values *b); /* a map's order is no matter */
const char *param_values_find(const struct param_values *values, const char *key);   /* NULL: absent. Lent */
/* Items and keys joined by blanks: CONFIG GET's form. Adds to `out`. */
void param_values_print(const struct param_values *values, struct bytes *out);

/* ---- words for people --------------------------------------------------------------------------------------- */

/* "an integer between 1 and 65535", "yes or no", "a size such as 100mb": what an error says was expected. */
void param_print_expected(const struct param *row, struct bytes *out);
