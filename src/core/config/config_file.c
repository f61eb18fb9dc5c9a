#include "core/config/config_file.h"

#include "core/config/import.h"
#include "core/config/param_internal.h"
#include "core/config/yaml_read.h"
#include "core/config/yaml_rewrite.h"
#include "base/file.h"
#include "base/mem.h"

/* ---- --name value ... ---------------------------------------------------------------------------------------------
 */

struct arguments {
    struct params *params;
    struct bytes *report;
    size_t problems;
    struct param_entry **seen; /* lists that a former argument began */
    size_t seen_count;
};

static void problem(struct arguments *arguments, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);
static void problem(struct arguments *arguments, const char *name, const char *format, ...) {
    va_list args;
    arguments->problems++;
    bytes_add_printf(arguments->report, "command line: %s: ", name);
    va_start(args, format);
    bytes_add_vprintf(arguments->report, format, args);
    va_end(args);
    bytes_add_char(arguments->report, '\n');
}

static bool was_seen(struct arguments *arguments, struct param_entry *entry) {
    for (size_t i = 0; i < arguments->seen_count; i++)
        if (arguments->seen[i] == entry) return true;
    arguments->seen = mem_realloc(arguments->seen, (arguments->seen_count + 1) * sizeof *arguments->seen);
    arguments->seen[arguments->seen_count++] = entry;
    return false;
}

/* A parameter that may be given several times: the first time replaces what the file says, the others add to it. */
static void add_to_former(struct arguments *arguments, struct param_entry *entry, struct param_values *values) {
    const struct param *row = param_row(entry);
    if (row->type != PARAM_TYPE_list || !(row->flags & PARAM_MULTI)) return;
    if (!was_seen(arguments, entry) || values->count == 0) return;
    struct param_values all = {0};
    param_get(entry, &all);
    for (size_t i = 0; i < values->count; i++)
        param_values_add(&all, (struct slice){0}, slice_text(values->items[i].text));
    param_values_fini(values);
    *values = all;
}

static void apply_entry(struct arguments *arguments, const char *name, struct param_entry *entry,
                        const struct slice *words, size_t count) {
    const struct param *row = param_row(entry);
    struct param_values values = {0};
    struct param_origin origin = {.source = PARAM_FROM_ARGUMENT};
    struct error err;
    if (param_parse(row, words, count, &values, &err)) {
        add_to_former(arguments, entry, &values);
        if (!param_store(arguments->params, entry, &values, origin, &err)) problem(arguments, name, "%s", err.text);
        return;
    }
    if ((row->flags & PARAM_SENSITIVE) || count != 1)
        problem(arguments, name, "%s", err.text);
    else
        problem(arguments, name, "%s, found \"%.*s\"", err.text, (int)MIN(words[0].size, (size_t)60), words[0].data);
}

static void apply_include(struct arguments *arguments, const struct slice *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct yaml_read *read = yaml_read_new(arguments->params, arguments->report);
        char *path = slice_to_text(words[i]);
        yaml_read_file(read, path);
        if (yaml_read_problems(read) > 0 || !yaml_read_store(read)) arguments->problems++;
        yaml_read_free(&read);
        mem_free(path);
    }
}

static void apply_argument(struct arguments *arguments, const char *name, const struct slice *words, size_t count) {
    struct slice bare = slice_text(name + 2);
    struct param_entry *entry = params_find(arguments->params, bare);
    const struct param_absent *absent = params_find_absent(arguments->params, bare);
    const char *near = params_suggest(arguments->params, bare);
    if (count == 0 && (entry || absent))
        problem(arguments, name, "has no value");
    else if (entry && slice_is_nocase(bare, "include"))
        apply_include(arguments, words, count);
    else if (entry)
        apply_entry(arguments, name, entry, words, count);
    else if (absent && count == 1 && param_absent_accepts(absent, words[0]))
        return;
    else if (absent)
        problem(arguments, name, "not supported by this version (%s)%s%s%s", absent->reason,
                absent->off ? "; only \"" : "", absent->off ? absent->off : "", absent->off ? "\" is accepted" : "");
    else if (near)
        problem(arguments, name, "unknown parameter; did you mean --%s?", near);
    else
        problem(arguments, name, "unknown parameter");
}

static size_t apply_arguments(struct params *params, struct bytes *report, int count, char *const *texts) {
    struct arguments arguments = {params, report, 0, NULL, 0};
    struct slice *words = mem_alloc(((size_t)count + 1) * sizeof *words);
    for (int i = 0; i < count;) {
        const char *name = texts[i++];
        size_t word_count = 0;
        if (strncmp(name, "--", 2) != 0 || !name[2]) {
            problem(&arguments, name, "expected --name value");
            continue;
        }
        while (i < count && strncmp(texts[i], "--", 2) != 0) words[word_count++] = slice_text(texts[i++]);
        apply_argument(&arguments, name, words, word_count);
    }
    mem_free(words);
    mem_free(arguments.seen);
    return arguments.problems;
}

/* ---- loading
 * ---------------------------------------------------------------------------------------------------------- */

bool config_load(struct params *params, const char *path, int argument_count, char *const *arguments,
                 struct bytes *report) {
    size_t problems = 0;
    if (path) {
        struct yaml_read *read = yaml_read_new(params, report);
        yaml_read_file(read, path);
        problems = yaml_read_problems(read);
        if (problems == 0 && !yaml_read_store(read)) problems = yaml_read_problems(read);
        yaml_read_free(&read);
    }
    /* the arguments are checked even when the file is bad: all problems at once */
    problems += apply_arguments(params, report, argument_count, arguments);
    params_set_main_file(params, path && strcmp(path, "-") != 0 ? path : NULL);
    return problems == 0;
}

const char *config_path(const struct params *params) {
    return params_main_file(params);
}

bool config_check_file(struct params *params, const char *path, struct bytes *report) {
    if (!config_load(params, path, 0, NULL, report)) return false;
    bytes_add_printf(report, "%s: ok\n", path);
    return true;
}

bool config_rewrite(struct params *params, struct error *err) {
    const char *path = params_main_file(params);
    struct bytes old_text = {0}, new_text = {0};
    if (!path) return error_set(err, "there is no configuration file");
    const char *slash = strrchr(path, '/');
    char *directory = slash ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup(".");
    bool good = yaml_read_bytes(path, &old_text, err) || error_prefix(err, "%s", path);
    if (good) good = yaml_rewrite(params, bytes_slice(&old_text), path, directory, &new_text, err);
    if (good && !slice_equal(bytes_slice(&old_text), bytes_slice(&new_text)))
        good = file_replace(path, bytes_slice(&new_text), 0600, err);
    mem_free(directory);
    bytes_fini(&old_text);
    bytes_fini(&new_text);
    return good;
}

bool config_import(struct params *params, const char *path, struct bytes *yaml, struct bytes *report) {
    return import_file(params, path, yaml, report);
}

bool config_is_sentinel_conf(const char *path) {
    struct bytes text = {0};
    bool is_sentinel = yaml_read_bytes(path, &text, NULL) && import_is_sentinel(bytes_slice(&text));
    bytes_fini(&text);
    return is_sentinel;
}
