#include "core/config/import.h"

#include "core/config/param_internal.h"
#include "core/config/yaml_read.h"
#include "core/config/yaml_write.h"
#include "base/mem.h"
#include "net/resp_parse.h"

#include <glob.h>
#include <stdlib.h>

enum { DEEPEST_INCLUDE = 16, MOST_FILES = 256, MOST_PROBLEMS = 100 };

/* A parameter, or one that is absent and stands at its "off". */
struct imported {
    const struct param *row; /* NULL: absent */
    const char *name;
    struct param_values values;
};

/* A master of `sentinel monitor`. */
struct member {
    char *name;
    struct imported *values; /* one for each row of the group, count 0: not given */
    bool *given;
    char *place; /* where its first directive stands */
    bool is_monitored;
};

struct importer {
    struct params *params;
    struct bytes *report;
    size_t problems;
    struct imported *imported;
    size_t count;
    const struct param_group *group; /* of masters; NULL: these are not a sentinel's params */
    struct member *members;
    size_t member_count;
    struct bytes learned; /* comment lines: what a sentinel finds out by itself */
    unsigned files, depth;
    const char *file; /* being read */
    unsigned line;
    bool may_include;
};

/* ---- the format ------------------------------------------------------------------------------------------------- */

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool import_split(struct slice line, struct param_values *words) {
    struct bytes text = {0};
    struct slice *found;
    size_t count;
    bool good = resp_split_words(line, &text, &found, &count);
    for (size_t i = 0; good && i < count; i++) {
        /* a zero byte ends a text everywhere else */
        good = !(found[i].size && memchr(found[i].data, 0, found[i].size));
        if (good) param_values_add(words, (struct slice){0}, found[i]);
    }
    mem_free(found);
    bytes_fini(&text);
    return good;
}

static bool next_line(struct slice *rest, struct slice *line) {
    if (!slice_split(rest, '\n', line)) return false;
    *line = slice_trim(*line);
    return true;
}

bool import_is_sentinel(struct slice text) {
    struct slice line;
    while (next_line(&text, &line))
        if (line.size > 9 && is_space(line.data[8]) && slice_is_nocase(slice_make(line.data, 8), "sentinel"))
            return true;
    return false;
}

/* ---- the report ----------------------------------------------------------------------------------------------------
 */

static void problem(struct importer *importer, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);
static void problem(struct importer *importer, const char *name, const char *format, ...) {
    va_list args;
    if (++importer->problems > MOST_PROBLEMS) return;
    bytes_add_printf(importer->report, "%s:%u: %.100s: ", importer->file, importer->line, name);
    va_start(args, format);
    bytes_add_vprintf(importer->report, format, args);
    va_end(args);
    bytes_add_char(importer->report, '\n');
}

/* ---- values
 * ---------------------------------------------------------------------------------------------------------- */

static struct imported *find_imported(struct importer *importer, const char *name, const struct param *row) {
    for (size_t i = 0; i < importer->count; i++)
        if (strcmp(importer->imported[i].name, name) == 0) return &importer->imported[i];
    importer->imported = mem_realloc(importer->imported, (importer->count + 1) * sizeof *importer->imported);
    importer->imported[importer->count] = (struct imported){.row = row, .name = name};
    return &importer->imported[importer->count++];
}

/* Why the words cannot become YAML; NULL: they can. */
static const char *find_obstacle(const struct param *row, const struct param_item *items, size_t count) {
    bool is_joined = row->type == PARAM_TYPE_list && row->words == 0 && count > 1;
    for (size_t i = 0; i < count; i++) {
        const char *text = items[i].text;
        if (!yaml_write_can(slice_text(text))) return "a value that is not UTF-8 text cannot be expressed";
        /* the item will be these words joined by blanks, and could not be taken apart again */
        if (is_joined && (!text[0] || strpbrk(text, " \t\r\n")))
            return "a word that is empty or has a blank in it cannot be expressed";
    }
    return NULL;
}

/* Puts a directive's words over what former ones said. */
static bool take_words(struct importer *importer, const char *name, const struct param *row, struct param_values *into,
                       const struct param_item *items, size_t count) {
    struct param_values values = {0};
    struct error err;
    struct slice *words = mem_alloc((count + 1) * sizeof *words);
    const char *obstacle = find_obstacle(row, items, count);
    for (size_t i = 0; i < count; i++) words[i] = slice_text(items[i].text);
    if (!obstacle && !param_parse(row, words, count, &values, &err)) obstacle = err.text;
    if (obstacle) {
        problem(importer, name, "%s", obstacle);
    } else if (row->type == PARAM_TYPE_list && (row->flags & PARAM_MULTI) && values.count > 0) {
        for (size_t i = 0; i < values.count; i++)
            param_values_add(into, (struct slice){0}, slice_text(values.items[i].text));
    } else {
        param_values_apply(row, into, &values);
    }
    param_values_fini(&values);
    mem_free(words);
    return !obstacle;
}

static void take_absent(struct importer *importer, const struct param_absent *absent, const char *name,
                        const struct param_item *items, size_t count) {
    if (count == 1 && param_absent_accepts(absent, slice_text(items[0].text))) {
        struct imported *imported = find_imported(importer, absent->name, NULL);
        param_values_fini(&imported->values);
        param_values_add(&imported->values, (struct slice){0}, slice_text(absent->off));
        return;
    }
    problem(importer, name, "not supported by this version (%s)%s%s%s", absent->reason, absent->off ? "; only \"" : "",
            absent->off ? absent->off : "", absent->off ? "\" is accepted" : "");
}

static void take_parameter(struct importer *importer, const char *name, const struct param_item *items, size_t count) {
    const struct param_entry *entry = params_find(importer->params, slice_text(name));
    const struct param_absent *absent = params_find_absent(importer->params, slice_text(name));
    const char *near = params_suggest(importer->params, slice_text(name));
    if (entry) {
        const struct param *row = param_row(entry);
        take_words(importer, name, row, &find_imported(importer, row->name, row)->values, items, count);
    } else if (absent) {
        take_absent(importer, absent, name, items, count);
    } else if (near) {
        problem(importer, name, "unknown directive; did you mean %s?", near);
    } else {
        problem(importer, name, "unknown directive");
    }
}

/* ---- sentinel ...
 * ----------------------------------------------------------------------------------------------------- */

static struct member *find_member(struct importer *importer, const char *name) {
    for (size_t i = 0; i < importer->member_count; i++)
        if (strcmp(importer->members[i].name, name) == 0) return &importer->members[i];
    importer->members = mem_realloc(importer->members, (importer->member_count + 1) * sizeof *importer->members);
    struct member *member = &importer->members[importer->member_count++];
    *member = (struct member){.name = mem_strdup(name)};
    member->values = mem_zalloc((importer->group->count + 1) * sizeof *member->values);
    member->given = mem_zalloc(importer->group->count + 1);
    member->place = mem_printf("%s:%u", importer->file, importer->line);
    return member;
}

static const struct param *find_member_row(const struct importer *importer, const char *name, size_t *place) {
    for (*place = 0; *place < importer->group->count; ++*place) {
        const struct param *row = &importer->group->rows[*place];
        if (slice_is_nocase(slice_text(name), row->name)) return row;
        if (row->alias && slice_is_nocase(slice_text(name), row->alias)) return row;
    }
    return NULL;
}

static void take_member_value(struct importer *importer, const char *member_name, const char *option,
                              const struct param_item *items, size_t count) {
    size_t place;
    const struct param *row = find_member_row(importer, option, &place);
    if (!row) {
        problem(importer, option, "unknown option of a master");
        return;
    }
    struct member *member = find_member(importer, member_name);
    if (take_words(importer, option, row, &member->values[place].values, items, count)) member->given[place] = true;
}

static void take_monitor(struct importer *importer, const struct param_item *items, size_t count) {
    static const char *const names[] = {"host", "port", "quorum"};
    if (count != 4) {
        problem(importer, "sentinel monitor", "expected: sentinel monitor NAME HOST PORT QUORUM");
        return;
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) take_member_value(importer, items[0].text, names[i], items + 1 + i, 1);
    find_member(importer, items[0].text)->is_monitored = true;
}

/* Some of it can be given to a new sentinel all the same (its id): then there is a parameter. */
static bool is_learned(const struct importer *importer, const char *option) {
    static const char *const names[] = {"myid",        "current-epoch", "config-epoch",  "leader-epoch",
                                        "known-slave", "known-replica", "known-sentinel"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (slice_is_nocase(slice_text(option), names[i])) {
            char *name = mem_printf("sentinel-%s", names[i]);
            bool is_parameter = params_find(importer->params, slice_text(name)) != NULL;
            mem_free(name);
            return !is_parameter;
        }
    return false;
}

static void keep_learned(struct importer *importer, const struct param_item *items, size_t count) {
    bytes_add_text(&importer->learned, "#   sentinel");
    for (size_t i = 0; i < count; i++) {
        bytes_add_char(&importer->learned, ' ');
        for (const char *c = items[i].text; *c; c++)
            bytes_add_char(&importer->learned, (unsigned char)*c < ' ' || (unsigned char)*c > '~' ? '?' : *c);
    }
    bytes_add_char(&importer->learned, '\n');
}

/* `items` are the words after "sentinel". */
static void take_sentinel(struct importer *importer, const struct param_item *items, size_t count) {
    size_t place;
    const char *option = count ? items[0].text : "";
    if (!importer->group) {
        problem(importer, "sentinel", "belongs to a sentinel's configuration: import it with --sentinel");
    } else if (count < 2) {
        problem(importer, "sentinel", "has no value");
    } else if (is_learned(importer, option)) {
        keep_learned(importer, items, count);
    } else if (slice_is_nocase(slice_text(option), "monitor")) {
        take_monitor(importer, items + 1, count - 1);
    } else if (count > 2 && find_member_row(importer, option, &place)) {
        take_member_value(importer, items[1].text, option, items + 2, count - 2);
    } else {
        char *name = mem_printf("sentinel-%s", option);
        take_parameter(importer, name, items + 1, count - 1);
        mem_free(name);
    }
}

/* ---- files
 * ---------------------------------------------------------------------------------------------------------------- */

static void take_file(struct importer *importer, const char *path);

/* The pattern counts from the working directory, as the established servers have it. */
static void take_include(struct importer *importer, const struct param_item *items, size_t count) {
    glob_t found = {0};
    if (count != 1)
        problem(importer, "include", "takes one path");
    else if (!importer->may_include)
        problem(importer, "include", "is not possible here");
    else if (importer->depth >= DEEPEST_INCLUDE || importer->files >= MOST_FILES)
        problem(importer, "include", "files include each other too deeply");
    else if (glob(items[0].text, strpbrk(items[0].text, "*?[") ? 0 : GLOB_NOCHECK, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) take_file(importer, found.gl_pathv[i]);
    globfree(&found);
}

static void take_line(struct importer *importer, struct slice line) {
    struct param_values words = {0};
    if (line.size == 0 || line.data[0] == '#') return;
    if (!import_split(line, &words)) {
        problem(importer, "line", "unbalanced quotes");
    } else if (words.count > 0) {
        const char *name = words.items[0].text;
        if (slice_is_nocase(slice_text(name), "include"))
            take_include(importer, words.items + 1, words.count - 1);
        else if (slice_is_nocase(slice_text(name), "sentinel"))
            take_sentinel(importer, words.items + 1, words.count - 1);
        else if (words.count == 1)
            problem(importer, name, "has no value");
        else
            take_parameter(importer, name, words.items + 1, words.count - 1);
    }
    param_values_fini(&words);
}

static void take_text(struct importer *importer, const char *name, struct slice text) {
    const char *outer_file = importer->file;
    unsigned outer_line = importer->line;
    struct slice line;
    importer->depth++;
    importer->file = name;
    importer->line = 0;
    while (next_line(&text, &line)) {
        importer->line++;
        take_line(importer, line);
    }
    importer->depth--;
    importer->file = outer_file;
    importer->line = outer_line;
}

static void take_file(struct importer *importer, const char *path) {
    struct bytes text = {0};
    struct error err;
    importer->files++;
    if (yaml_read_bytes(path, &text, &err))
        take_text(importer, path, bytes_slice(&text));
    else if (importer->file)
        problem(importer, "include", "%s %s", path, err.text);
    else {
        importer->problems++;
        bytes_add_printf(importer->report, "%s: %s\n", path, err.text);
    }
    bytes_fini(&text);
}

/* ---- the YAML
 * ---------------------------------------------------------------------------------------------------------------- */

static void add_indent(struct bytes *yaml, unsigned indent) {
    for (unsigned i = 0; i < indent; i++) bytes_add_char(yaml, ' ');
}

/* name: value, with a line for each item where there are several that are more than a word. */
static void write_pair(struct bytes *yaml, unsigned indent, const char *name, const struct param *row,
                       const struct param_values *values) {
    static const struct param text_row = {.type = PARAM_TYPE_text};
    add_indent(yaml, indent);
    bytes_add_printf(yaml, "%s:", name);
    bool in_lines = row && values->count > 0 && (row->type == PARAM_TYPE_map || row->words != 1) &&
                    (row->type == PARAM_TYPE_map || row->type == PARAM_TYPE_list);
    if (!in_lines) {
        bytes_add_char(yaml, ' ');
        yaml_write_value(yaml, row ? row : &text_row, values, false);
        bytes_add_char(yaml, '\n');
        return;
    }
    bytes_add_char(yaml, '\n');
    for (size_t i = 0; i < values->count; i++) {
        add_indent(yaml, indent + 2);
        if (values->items[i].key) {
            yaml_write_scalar(yaml, slice_text(values->items[i].key), YAML_TREE_PLAIN, false);
            bytes_add_text(yaml, ": ");
        } else {
            bytes_add_text(yaml, "- ");
        }
        yaml_write_scalar(yaml, slice_text(values->items[i].text), YAML_TREE_PLAIN, false);
        bytes_add_char(yaml, '\n');
    }
}

static bool is_sentinels(const struct imported *imported) {
    return strncmp(imported->name, "sentinel-", 9) == 0;
}

static void write_members(const struct importer *importer, struct bytes *yaml) {
    const struct param_group *group = importer->group;
    if (importer->member_count == 0) return;
    bytes_add_printf(yaml, "  %s:\n", group->name + strlen("sentinel-"));
    for (size_t i = 0; i < importer->member_count; i++) {
        const struct member *member = &importer->members[i];
        bytes_add_text(yaml, "    ");
        yaml_write_scalar(yaml, slice_text(member->name), YAML_TREE_PLAIN, false);
        bytes_add_text(yaml, ":\n");
        for (size_t j = 0; j < group->count; j++)
            if (member->given[j]) write_pair(yaml, 6, group->rows[j].name, &group->rows[j], &member->values[j].values);
    }
}

static void write_all(const struct importer *importer, struct bytes *yaml) {
    bool has_sentinel = importer->member_count > 0;
    for (size_t i = 0; i < importer->count; i++) {
        const struct imported *imported = &importer->imported[i];
        if (is_sentinels(imported))
            has_sentinel = true;
        else
            write_pair(yaml, 0, imported->name, imported->row, &imported->values);
    }
    if (has_sentinel) bytes_add_text(yaml, "sentinel:\n");
    for (size_t i = 0; i < importer->count; i++) {
        const struct imported *imported = &importer->imported[i];
        if (is_sentinels(imported)) write_pair(yaml, 2, imported->name + 9, imported->row, &imported->values);
    }
    write_members(importer, yaml);
    if (importer->learned.size == 0) return;
    bytes_add_text(yaml, "# What a sentinel learns at run time is not configuration and was left out:\n");
    bytes_add_slice(yaml, bytes_slice(&importer->learned));
}

/* What was written must read back without a problem. */
static void verify(struct importer *importer, struct slice yaml) {
    struct yaml_read *read = yaml_read_new(importer->params, importer->report);
    yaml_read_text(read, "as YAML", yaml, NULL);
    importer->problems += yaml_read_problems(read);
    yaml_read_free(&read);
}

static void check_members(struct importer *importer) {
    for (size_t i = 0; i < importer->member_count; i++) {
        if (importer->members[i].is_monitored) continue;
        importer->problems++;
        bytes_add_printf(importer->report, "%s: sentinel: there is no `sentinel monitor %s` for it\n",
                         importer->members[i].place, importer->members[i].name);
    }
}

static void free_importer(struct importer *importer) {
    for (size_t i = 0; i < importer->count; i++) param_values_fini(&importer->imported[i].values);
    for (size_t i = 0; i < importer->member_count; i++) {
        struct member *member = &importer->members[i];
        for (size_t j = 0; j < importer->group->count; j++) param_values_fini(&member->values[j].values);
        mem_free(member->values);
        mem_free(member->given);
        mem_free(member->name);
        mem_free(member->place);
    }
    mem_free(importer->imported);
    mem_free(importer->members);
    bytes_fini(&importer->learned);
}

static bool finish(struct importer *importer, struct bytes *yaml) {
    struct bytes written = {0};
    check_members(importer);
    if (importer->problems == 0) {
        write_all(importer, &written);
        verify(importer, bytes_slice(&written));
    }
    bool good = importer->problems == 0;
    if (good) bytes_add_slice(yaml, bytes_slice(&written));
    bytes_fini(&written);
    free_importer(importer);
    return good;
}

static struct importer new_importer(struct params *params, struct bytes *report, bool may_include) {
    return (struct importer){.params = params,
                             .report = report,
                             .group = params_find_group(params, SLICE("sentinel-masters"), NULL),
                             .may_include = may_include};
}

bool import_file(struct params *params, const char *path, struct bytes *yaml, struct bytes *report) {
    struct importer importer = new_importer(params, report, true);
    take_file(&importer, path);
    return finish(&importer, yaml);
}

bool import_text(struct params *params, const char *name, struct slice text, struct bytes *yaml, struct bytes *report) {
    struct importer importer = new_importer(params, report, false);
    take_text(&importer, name, text);
    return finish(&importer, yaml);
}
