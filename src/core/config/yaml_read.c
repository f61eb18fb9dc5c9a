#include "core/config/yaml_read.h"

#include "base/mem.h"
#include "base/table.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fcntl.h>

enum { DEEPEST_INCLUDE = 16, MOST_FILES = 256, MOST_PROBLEMS = 100, LARGEST_FILE = 8 * 1024 * 1024 };

struct file {
    const char *name; /* for the report; the params keep it */
    char *real_path;  /* NULL: a text */
    char *directory;  /* NULL: may not include */
    struct bytes text;
    struct yaml_tree tree;
    const struct file *includer; /* NULL: the first */
    struct yaml_read *read;
};

struct member {
    const struct param_group *group;
    void *context;
    char *name;
    void *settings;
    bool *given;
    const struct file *file;
    const struct yaml_tree_node *node;
};

struct yaml_read {
    struct params *params;
    struct bytes *report;
    size_t problems;
    struct file **files;
    size_t file_count;
    struct yaml_found *found;
    size_t found_count;
    struct member **members;
    size_t member_count;
};

/* Where names are looked up: the registry, or the rows of a group's member. */
struct scope {
    struct yaml_read *read;
    const struct file *file;
    struct member *member; /* NULL: the registry */
    struct table *seen;    /* row name to the node of its key */
    const char *title;     /* before the names of this scope in the report: "sentinel-masters-mymaster-" */
};

/* ---- the report -----------------------------------------------------------------------------------------------------
 */

static void add_problem(struct yaml_read *read, const struct file *file, unsigned line, unsigned column,
                        const char *key, const char *sentence) {
    read->problems++;
    if (read->problems > MOST_PROBLEMS) return;
    if (read->problems == MOST_PROBLEMS) {
        bytes_add_text(read->report, "... and more\n");
        return;
    }
    bytes_add_text(read->report, file->name);
    if (line) bytes_add_printf(read->report, ":%u:%u", line, column);
    bytes_add_printf(read->report, ": %s%s%s\n", key, key[0] ? ": " : "", sentence);
}

static void problem_at(const struct scope *scope, const struct yaml_tree_node *node, struct slice name,
                       const char *format, ...) PRINTF_LIKE(4, 5);
static void problem_at(const struct scope *scope, const struct yaml_tree_node *node, struct slice name,
                       const char *format, ...) {
    struct bytes key = {0}, sentence = {0};
    bytes_add_text(&key, scope->title);
    for (size_t i = 0; i < MIN(name.size, (size_t)100); i++)
        bytes_add_char(&key, (unsigned char)name.data[i] < ' ' ? '?' : name.data[i]);
    va_list args;
    va_start(args, format);
    bytes_add_vprintf(&sentence, format, args);
    va_end(args);
    add_problem(scope->read, scope->file, node->line, node->column, bytes_text(&key), bytes_text(&sentence));
    bytes_fini(&key);
    bytes_fini(&sentence);
}

static void on_tree_problem(void *context, unsigned line, unsigned column, const char *sentence) {
    const struct file *file = context;
    add_problem(file->read, file, line, column, "", sentence);
}

/* ---- one value
 * --------------------------------------------------------------------------------------------------------- */

static void explain(const struct scope *scope, const struct param *row, const struct yaml_tree_node *node,
                    const struct error *err) {
    struct bytes text = {0};
    bool is_list = row->type == PARAM_TYPE_list || row->type == PARAM_TYPE_map;
    bool own_words = is_list || row->check || row->type == PARAM_TYPE_text;
    if (own_words) {
        bytes_add_text(&text, err->text);
    } else {
        bytes_add_text(&text, "expected ");
        param_print_expected(row, &text);
    }
    if (node->kind == YAML_TREE_SCALAR && !(row->flags & PARAM_SENSITIVE)) {
        bytes_add_text(&text, ", found ");
        bytes_add_quoted(&text, slice_make(node->text.data, MIN(node->text.size, (size_t)60)));
        if (node->text.size > 60) bytes_add_text(&text, "...");
    }
    problem_at(scope, node, slice_text(row->name), "%s", bytes_text(&text));
    bytes_fini(&text);
}

/* The items of a list or map, which must be plain texts. */
static bool gather_items(const struct scope *scope, const struct param *row, const struct yaml_tree_node *node,
                         struct param_values *items) {
    bool good = true;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_tree_node *value = node->pairs[i].value, *key = node->pairs[i].key;
        if (value->kind != YAML_TREE_SCALAR || value->is_null) {
            problem_at(scope, value, slice_text(row->name),
                       value->is_null ? "an item has no value; an empty one is \"\"" : "an item must be one text");
            good = false;
            continue;
        }
        param_values_add(items, key ? key->text : (struct slice){0}, value->text);
    }
    return good;
}

static bool parse_value(const struct scope *scope, const struct param *row, const struct yaml_tree_node *node,
                        struct param_values *out) {
    struct error err;
    if (node->kind == YAML_TREE_SCALAR) {
        if (node->is_null) {
            problem_at(scope, node, slice_text(row->name), "has no value; an empty one is written \"\"");
            return false;
        }
        if (param_parse(row, &node->text, 1, out, &err)) return true;
        explain(scope, row, node, &err);
        return false;
    }
    struct param_values items = {0};
    size_t at = node->count;
    bool good = gather_items(scope, row, node, &items);
    if (good && !param_parse_items(row, &items, out, &at, &err)) {
        good = false;
        bool is_plain = row->type != PARAM_TYPE_list && row->type != PARAM_TYPE_map;
        if (is_plain) {
            struct bytes expected = {0};
            param_print_expected(row, &expected);
            problem_at(scope, node, slice_text(row->name), "expected %s, found a %s", bytes_text(&expected),
                       node->kind == YAML_TREE_LIST ? "list" : "map");
            bytes_fini(&expected);
        } else {
            explain(scope, row, at < node->count ? node->pairs[at].value : node, &err);
        }
    }
    param_values_fini(&items);
    return good;
}

/* ---- names
 * -------------------------------------------------------------------------------------------------------------- */

static const struct param *find_row(const struct scope *scope, struct slice name, struct param_entry **entry,
                                    size_t *place) {
    if (!scope->member) {
        *entry = params_find(scope->read->params, name);
        return *entry ? param_row(*entry) : NULL;
    }
    const struct param_group *group = scope->member->group;
    for (size_t i = 0; i < group->count; i++) {
        const struct param *row = &group->rows[i];
        if (!slice_is_nocase(name, row->name) && !(row->alias && slice_is_nocase(name, row->alias))) continue;
        *place = i;
        return row;
    }
    return NULL;
}

static bool has_prefix(const struct scope *scope, struct slice prefix) {
    if (!scope->member) return params_has_prefix(scope->read->params, prefix);
    const struct param_group *group = scope->member->group;
    for (size_t i = 0; i < group->count; i++) {
        const char *name = group->rows[i].name;
        if (strlen(name) > prefix.size && name[prefix.size] == '-' &&
            slice_equal_nocase(slice_make(name, prefix.size), prefix))
            return true;
    }
    return false;
}

/* Reports the second time that a name is given in one file. */
static bool is_first(const struct scope *scope, const char *name, const struct yaml_tree_node *key) {
    const struct yaml_tree_node *before = table_find(scope->seen, slice_text(name));
    if (!before) {
        table_set(scope->seen, slice_text(name), (void *)(uintptr_t)key);
        return true;
    }
    problem_at(scope, key, slice_text(name), "is given twice, first in line %u", before->line);
    return false;
}

static void keep_found(const struct scope *scope, struct param_entry *entry, struct param_values *values,
                       const struct yaml_tree_node *node) {
    struct yaml_read *read = scope->read;
    read->found = mem_realloc(read->found, (read->found_count + 1) * sizeof *read->found);
    struct param_origin origin = {PARAM_FROM_FILE, scope->file->name, node->line, node->column};
    read->found[read->found_count++] = (struct yaml_found){entry, *values, origin, node, scope->file->includer == NULL};
    *values = (struct param_values){0};
}

static void read_row(const struct scope *scope, const struct param *row, struct param_entry *entry, size_t place,
                     const struct yaml_tree_node *key, const struct yaml_tree_node *value) {
    struct param_values values = {0};
    if (!is_first(scope, row->name, key) || value->is_bad) return;
    if (slice_is(slice_text(row->name), "include") && !scope->member) return; /* was read before */
    if (!parse_value(scope, row, value, &values)) {
        if (scope->member) scope->member->given[place] = true; /* do not call it missing as well */
        return;
    }
    if (!scope->member) {
        keep_found(scope, entry, &values, value);
        return;
    }
    scope->member->given[place] = true;
    settings_store(row, scope->member->settings, &values);
}

static void read_absent(const struct scope *scope, const struct param_absent *absent, const struct yaml_tree_node *key,
                        const struct yaml_tree_node *value) {
    if (!is_first(scope, absent->name, key)) return;
    bool is_off = value->kind == YAML_TREE_SCALAR && !value->is_null && param_absent_accepts(absent, value->text);
    /* `save: []` is as empty as `save: ""` */
    if (value->kind != YAML_TREE_SCALAR && value->count == 0 && absent->off && !absent->off[0]) is_off = true;
    if (is_off) return;
    if (absent->off)
        problem_at(scope, key, key->text, "not supported by this version (%s); only \"%s\" is accepted", absent->reason,
                   absent->off);
    else
        problem_at(scope, key, key->text, "not supported by this version (%s)", absent->reason);
}

static void read_group(const struct scope *scope, const struct param_group *group, void *context,
                       const struct yaml_tree_node *key, const struct yaml_tree_node *value);
static void read_map(const struct scope *scope, struct slice prefix, const struct yaml_tree_node *map);

static void report_unknown(const struct scope *scope, struct slice name, const struct yaml_tree_node *key) {
    if (scope->read->problems >= MOST_PROBLEMS) { /* it is not told, so it need not be looked for */
        scope->read->problems++;
        return;
    }
    const char *near = scope->member ? params_suggest_row(scope->member->group->rows, scope->member->group->count, name)
                                     : params_suggest(scope->read->params, name);
    if (near)
        problem_at(scope, key, name, "unknown parameter; did you mean %s%s?", scope->title, near);
    else
        problem_at(scope, key, name, "unknown parameter");
}

static void read_pair(const struct scope *scope, struct slice name, const struct yaml_tree_node *key,
                      const struct yaml_tree_node *value) {
    struct param_entry *entry = NULL;
    size_t place = 0;
    void *context;
    const struct param *row = find_row(scope, name, &entry, &place);
    const struct param_group *group = scope->member ? NULL : params_find_group(scope->read->params, name, &context);
    const struct param_absent *absent = scope->member ? NULL : params_find_absent(scope->read->params, name);
    /* `latency-tracking: {info-percentiles: ...}` although latency-tracking is a parameter itself */
    bool is_prefix = value->kind == YAML_TREE_MAP && value->count && has_prefix(scope, name);
    if (row && row->type != PARAM_TYPE_map && is_prefix) row = NULL;
    if (row)
        read_row(scope, row, entry, place, key, value);
    else if (group)
        read_group(scope, group, context, key, value);
    else if (is_prefix)
        read_map(scope, name, value);
    else if (absent)
        read_absent(scope, absent, key, value);
    else if (has_prefix(scope, name) && name.size)
        problem_at(scope, value, name,
                   value->is_null || value->kind == YAML_TREE_MAP
                       ? "has nothing in it"
                       : "is not a parameter; it is the beginning of several and takes a map");
    else
        report_unknown(scope, name, key);
}

static void read_map(const struct scope *scope, struct slice prefix, const struct yaml_tree_node *map) {
    struct bytes name = {0};
    for (size_t i = 0; i < map->count; i++) {
        bytes_clear(&name);
        bytes_add_slice(&name, prefix);
        if (prefix.size) bytes_add_char(&name, '-');
        bytes_add_slice(&name, map->pairs[i].key->text);
        read_pair(scope, slice_make(name.data ? name.data : "", name.size), map->pairs[i].key, map->pairs[i].value);
    }
    bytes_fini(&name);
}

/* ---- groups
 * ---------------------------------------------------------------------------------------------------------------- */

static void free_member(struct member *member) {
    settings_fini(member->group->rows, member->group->count, member->settings);
    mem_free(member->settings);
    mem_free(member->given);
    mem_free(member->name);
    mem_free(member);
}

static struct member *new_member(const struct scope *scope, const struct param_group *group, void *context,
                                 const struct yaml_tree_node *key) {
    struct member *member = mem_zalloc(sizeof *member);
    member->group = group;
    member->context = context;
    member->name = slice_to_text(key->text);
    member->settings = mem_zalloc(group->settings_size);
    member->given = mem_zalloc(group->count + 1);
    member->file = scope->file;
    member->node = key;
    settings_init(group->rows, group->count, member->settings);
    return member;
}

/* A member of an included file gives way to one of the same name. */
static void keep_member(struct yaml_read *read, struct member *member) {
    for (size_t i = 0; i < read->member_count; i++) {
        struct member *other = read->members[i];
        if (other->group != member->group || strcmp(other->name, member->name) != 0) continue;
        read->members[i] = member;
        free_member(other);
        return;
    }
    read->members = mem_realloc(read->members, (read->member_count + 1) * sizeof *read->members);
    read->members[read->member_count++] = member;
}

static void read_member(const struct scope *scope, const struct param_group *group, void *context,
                        const struct yaml_tree_node *key, const struct yaml_tree_node *value) {
    struct member *member = new_member(scope, group, context, key);
    char *title = mem_printf("%s-%s-", group->name, member->name);
    struct scope inner = {scope->read, scope->file, member, table_new(), title};
    if (value->kind == YAML_TREE_MAP)
        read_map(&inner, (struct slice){0}, value);
    else
        problem_at(scope, value, slice_make(title, strlen(title) - 1), "expected a map");
    for (size_t i = 0; value->kind == YAML_TREE_MAP && i < group->count; i++)
        if ((group->rows[i].flags & PARAM_REQUIRED) && !member->given[i])
            problem_at(&inner, key, slice_text(group->rows[i].name), "is missing");
    table_free(&inner.seen, NULL);
    mem_free(title);
    keep_member(scope->read, member);
}

static void read_group(const struct scope *scope, const struct param_group *group, void *context,
                       const struct yaml_tree_node *key, const struct yaml_tree_node *value) {
    if (!is_first(scope, group->name, key)) return;
    if (value->kind != YAML_TREE_MAP) {
        problem_at(scope, value, slice_text(group->name), "expected a map, one key for each member");
        return;
    }
    struct table *names = table_new();
    for (size_t i = 0; i < value->count; i++) {
        const struct yaml_tree_node *name = value->pairs[i].key, *before = table_find(names, name->text);
        if (before)
            problem_at(scope, name, slice_text(group->name), "%s is given twice, first in line %u", name->text.data,
                       before->line);
        else
            read_member(scope, group, context, name, value->pairs[i].value);
        table_set(names, name->text, (void *)(uintptr_t)name);
    }
    table_free(&names, NULL);
}

/* ---- files
 * ---------------------------------------------------------------------------------------------------------------- */

bool yaml_read_bytes(const char *path, struct bytes *out, struct error *err) {
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_set(err, "cannot be opened: %s", strerror(errno));
    bool good = true;
    for (;;) {
        bytes_reserve(out, 16 * 1024);
        ssize_t got = read(fd, out->data + out->size, 16 * 1024);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) good = error_set(err, "cannot be read: %s", strerror(errno));
        if (got <= 0) break;
        out->size += (size_t)got;
        out->data[out->size] = 0;
        if (out->size <= LARGEST_FILE) continue;
        good = error_set(err, "is larger than a configuration can be (%d MiB)", LARGEST_FILE / (1024 * 1024));
        break;
    }
    if (!is_stdin) CHECK(close(fd) == 0);
    return good;
}

static struct file *add_file(struct yaml_read *read, const char *name, const struct file *includer) {
    struct file *file = mem_zalloc(sizeof *file);
    file->name = params_keep_file(read->params, name);
    file->includer = includer;
    file->read = read;
    read->files = mem_realloc(read->files, (read->file_count + 1) * sizeof *read->files);
    return read->files[read->file_count++] = file;
}

static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return mem_strdup(".");
    return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

static void read_path(struct yaml_read *read, const char *path, const struct scope *from,
                      const struct yaml_tree_node *node);

static void read_include(const struct scope *scope, const struct yaml_tree_node *node) {
    const struct file *file = scope->file;
    unsigned depth = 0;
    for (const struct file *up = file; up; up = up->includer) depth++;
    if (node->kind != YAML_TREE_SCALAR || node->text.size == 0)
        problem_at(scope, node, SLICE("include"), "expected the path of a file");
    else if (!file->directory)
        problem_at(scope, node, SLICE("include"), "is not possible here");
    else if (depth > DEEPEST_INCLUDE || scope->read->file_count >= MOST_FILES)
        problem_at(scope, node, SLICE("include"), "files include each other too deeply");
    else {
        char *path = node->text.data[0] == '/' ? mem_strdup(node->text.data)
                                               : mem_printf("%s/%s", file->directory, node->text.data);
        read_path(scope->read, strncmp(path, "./", 2) == 0 ? path + 2 : path, scope, node);
        mem_free(path);
    }
}

static void read_includes(const struct scope *scope, const struct yaml_tree_node *root) {
    const struct yaml_tree_node *include = yaml_tree_find(root, "include");
    if (!include) return;
    if (include->kind == YAML_TREE_LIST)
        for (size_t i = 0; i < include->count; i++) read_include(scope, include->pairs[i].value);
    else
        read_include(scope, include);
}

static void read_tree(struct file *file) {
    struct yaml_read *read = file->read;
    struct scope scope = {read, file, NULL, table_new(), ""};
    size_t before = read->problems;
    yaml_tree_parse(&file->tree, bytes_slice(&file->text), on_tree_problem, file);
    const struct yaml_tree_node *root = file->tree.root;
    /* what stands before a syntax error is checked as well, but a map that was cut off is not the whole story */
    if (root && root->kind == YAML_TREE_MAP) {
        read_includes(&scope, root);
        read_map(&scope, (struct slice){0}, root);
    } else if (root && read->problems == before) {
        problem_at(&scope, root, (struct slice){0}, "expected a map of parameters (\"port: 6379\")");
    }
    table_free(&scope.seen, NULL);
}

/* Reads the file at `path`; `from` and `node` say which line asks for it, NULL: none does. */
static void read_path(struct yaml_read *read, const char *path, const struct scope *from,
                      const struct yaml_tree_node *node) {
    bool is_stdin = strcmp(path, "-") == 0 && !from;
    char real[PATH_MAX];
    struct bytes text = {0};
    struct error err;
    bool good = yaml_read_bytes(path, &text, &err);
    bool has_real = good && !is_stdin && realpath(path, real);
    for (const struct file *up = from ? from->file : NULL; good && has_real && up; up = up->includer)
        if (up->real_path && strcmp(up->real_path, real) == 0) good = error_set(&err, "includes itself");
    if (!good && from) problem_at(from, node, SLICE("include"), "%s %s", path, err.text);
    struct file *file =
        good || !from ? add_file(read, is_stdin ? "standard input" : path, from ? from->file : NULL) : NULL;
    if (!good && !from) add_problem(read, file, 0, 0, "", err.text);
    if (!good) {
        bytes_fini(&text);
        return;
    }
    file->text = text;
    file->real_path = has_real ? mem_strdup(real) : NULL;
    file->directory = is_stdin ? mem_strdup(".") : directory_of(path);
    read_tree(file);
}

void yaml_read_file(struct yaml_read *read, const char *path) {
    read_path(read, path, NULL, NULL);
}

void yaml_read_text(struct yaml_read *read, const char *name, struct slice text, const char *directory) {
    struct file *file = add_file(read, name, NULL);
    bytes_add_slice(&file->text, text);
    file->directory = directory ? mem_strdup(directory) : NULL;
    read_tree(file);
}

/* ---- the whole
 * ------------------------------------------------------------------------------------------------------------- */

struct yaml_read *yaml_read_new(struct params *params, struct bytes *report) {
    struct yaml_read *read = mem_zalloc(sizeof *read);
    read->params = params;
    read->report = report;
    return read;
}

void yaml_read_free(struct yaml_read **read_pointer) {
    struct yaml_read *read = *read_pointer;
    if (!read) return;
    *read_pointer = NULL;
    for (size_t i = 0; i < read->found_count; i++) param_values_fini(&read->found[i].values);
    for (size_t i = 0; i < read->member_count; i++) free_member(read->members[i]);
    for (size_t i = 0; i < read->file_count; i++) {
        yaml_tree_fini(&read->files[i]->tree);
        bytes_fini(&read->files[i]->text);
        mem_free(read->files[i]->real_path);
        mem_free(read->files[i]->directory);
        mem_free(read->files[i]);
    }
    mem_free(read->found);
    mem_free(read->members);
    mem_free(read->files);
    mem_free(read);
}

size_t yaml_read_problems(const struct yaml_read *read) {
    return read->problems;
}

size_t yaml_read_count(const struct yaml_read *read) {
    return read->found_count;
}

const struct yaml_found *yaml_read_at(const struct yaml_read *read, size_t place) {
    CHECK(place < read->found_count);
    return &read->found[place];
}

const struct yaml_tree *yaml_read_tree(const struct yaml_read *read) {
    CHECK(read->file_count > 0);
    return &read->files[0]->tree;
}

static void store_found(struct yaml_read *read, const struct yaml_found *found) {
    struct param_values copy = {0};
    struct error err;
    param_values_copy(&copy, &found->values);
    if (param_store(read->params, found->entry, &copy, found->origin, &err)) return;
    struct file file = {.name = found->origin.file};
    add_problem(read, &file, found->origin.line, found->origin.column, param_row(found->entry)->name, err.text);
}

bool yaml_read_store(struct yaml_read *read) {
    size_t before = read->problems;
    for (size_t i = 0; i < read->found_count; i++) store_found(read, &read->found[i]);
    for (size_t i = 0; i < read->member_count; i++) {
        const struct member *member = read->members[i];
        struct param_member shown = {slice_text(member->name), member->settings, member->given};
        struct error err;
        if (!member->group->add || member->group->add(member->context, &shown, &err)) continue;
        char *key = mem_printf("%s-%s", member->group->name, member->name);
        add_problem(read, member->file, member->node->line, member->node->column, key, err.text);
        mem_free(key);
    }
    return read->problems == before;
}
