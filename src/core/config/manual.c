#include "core/config/manual.h"

#include "core/config/param_internal.h"
#include "core/config/yaml_write.h"
#include "base/mem.h"

enum { WIDTH = 100 };

static const struct {
    const char *name, *title;
} sections[] = {
    {"files", "Files"},       {"network", "Network"},     {"tls", "TLS"},     {"clients", "Clients"},
    {"security", "Security"}, {"process", "The process"}, {"log", "The log"}, {"observation", "Observation"},
    {"keyspace", "Keyspace"}, {"sentinel", "Sentinel"},
};

static const char *title_of(const char *section) {
    for (size_t i = 0; i < COUNT_OF(sections); i++)
        if (strcmp(sections[i].name, section) == 0) return sections[i].title;
    return section;
}

/* "# word word" lines of at most WIDTH columns. */
static void add_comment(struct bytes *out, unsigned indent, const char *text) {
    struct slice rest = slice_text(text), word;
    size_t column = 0;
    while (slice_split(&rest, ' ', &word)) {
        bool is_full = column && column + 1 + word.size > WIDTH;
        if (is_full) bytes_add_char(out, '\n');
        if (column == 0 || is_full) {
            bytes_add_printf(out, "%*s#", (int)indent, "");
            column = indent + 1;
        }
        bytes_add_char(out, ' ');
        bytes_add_slice(out, word);
        column += 1 + word.size;
    }
    bytes_add_char(out, '\n');
}

/* ---- walking: sections in the order in which rows were registered, rows of a section in theirs ----------------------
 */

typedef void use_section(void *context, const char *section);
typedef void use_row(void *context, const struct param *row, const struct param_entry *entry);

static bool is_nested(const struct param *row) {
    return strncmp(row->name, "sentinel-", 9) == 0;
}

static void walk_section(const struct params *params, const char *section, use_row *row_function, void *context) {
    for (size_t i = 0; i < params_row_count(params); i++) {
        const struct param *row = params_row_at(params, i);
        if (strcmp(row->section, section) == 0 && !(row->flags & PARAM_HIDDEN))
            row_function(context, row, params_find(params, slice_text(row->name)));
    }
}

static void walk(const struct params *params, use_section *section_function, use_row *row_function, void *context) {
    for (size_t i = 0; i < params_row_count(params); i++) {
        const char *section = params_row_at(params, i)->section;
        bool is_first = true;
        for (size_t j = 0; j < i; j++) is_first &= strcmp(params_row_at(params, j)->section, section) != 0;
        if (!is_first) continue;
        section_function(context, section);
        walk_section(params, section, row_function, context);
    }
}

/* ---- the example file
 * -------------------------------------------------------------------------------------------------- */

struct example {
    struct bytes *out;
    bool wants_nested; /* only "sentinel-..." rows, or only the others */
};

static void example_section(void *context, const char *section) {
    struct example *example = context;
    if (example->wants_nested || strcmp(section, "sentinel") == 0) return;
    bytes_add_printf(example->out, "\n# ---- %s ----\n", title_of(section));
}

static void example_value(struct bytes *out, unsigned indent, const char *name, const struct param *row,
                          const struct param_values *values) {
    bool is_unset = values->count == 0 || (row->type == PARAM_TYPE_text && !values->items[0].text[0]);
    bool is_secret = (row->flags & PARAM_SENSITIVE) && is_unset;
    bytes_add_printf(out, "%*s%s%s: ", (int)indent, "", is_unset ? "#" : "", name);
    if (is_unset && row->example)
        bytes_add_text(out, row->example);
    else if (is_secret)
        bytes_add_text(out, "secret");
    else
        yaml_write_value(out, row, values, false);
    bytes_add_char(out, '\n');
}

static void example_row(void *context, const struct param *row, const struct param_entry *entry) {
    struct example *example = context;
    struct param_values values = {0};
    bool nested = is_nested(row);
    if (nested != example->wants_nested) return;
    unsigned indent = nested ? 2 : 0;
    param_get_plain(entry, &values);
    bytes_add_char(example->out, '\n');
    add_comment(example->out, indent, row->help);
    example_value(example->out, indent, row->name + (nested ? 9 : 0), row, &values);
    param_values_fini(&values);
}

static void example_group(struct bytes *out, const struct param_group *group) {
    bytes_add_printf(out, "\n  # What is watched, by name. Each has these:\n  %s:\n    mymaster:\n", group->name + 9);
    for (size_t i = 0; i < group->count; i++) {
        const struct param *row = &group->rows[i];
        struct param_values values = {0};
        param_parse_default(row, &values);
        bytes_add_char(out, i ? '\n' : ' ');
        if (!i) out->size--; /* no empty line before the first */
        add_comment(out, 6, row->help);
        if ((row->flags & PARAM_REQUIRED) && !row->def)
            bytes_add_printf(out, "      %s: %s\n", row->name, row->example ? row->example : "127.0.0.1");
        else
            example_value(out, 6, row->name, row, &values);
        param_values_fini(&values);
    }
}

void manual_print_example(const struct params *params, struct bytes *out) {
    struct example example = {.out = out};
    const struct param_group *group = params_find_group(params, SLICE("sentinel-masters"), NULL);
    bytes_add_printf(out, "# The configuration of a kvd %s: every parameter at its default.\n#\n",
                     group ? "sentinel" : "server");
    add_comment(
        out, 0,
        "Sizes take units (1k is 1000 bytes, 1kb 1024; m, mb, g, gb alike). A name may be nested at its dashes: "
        "\"tls: {port: 6380}\" is \"tls-port: 6380\". docs/configuration.md tells the rest. What is commented out "
        "is empty by default.");
    walk(params, example_section, example_row, &example);
    if (!group) return;
    bytes_add_text(out, "\n# ---- Sentinel ----\n\nsentinel:\n");
    example.wants_nested = true;
    walk(params, example_section, example_row, &example);
    example_group(out, group);
}

/* ---- the reference
 * ------------------------------------------------------------------------------------------------------- */

static void add_cell(struct bytes *out, const char *text) {
    for (; *text; text++) {
        if (strchr("|*<>_", *text)) bytes_add_char(out, '\\');
        bytes_add_char(out, *text);
    }
}

static void table_head(struct bytes *out) {
    bytes_add_text(out, "\n| parameter | takes | default | at run time | |\n|---|---|---|---|---|\n");
}

static void reference_section(void *context, const char *section) {
    struct bytes *out = context;
    bytes_add_printf(out, "\n### %s\n", title_of(section));
    table_head(out);
}

static void reference_line(struct bytes *out, const struct param *row, const struct param_values *values) {
    struct bytes text = {0};
    bytes_add_printf(out, "| `%s`", row->name);
    if (row->alias) bytes_add_printf(out, ", `%s`", row->alias);
    bytes_add_text(out, " | ");
    param_print_expected(row, &text);
    add_cell(out, bytes_text(&text));
    bytes_clear(&text);
    param_values_print(values, &text);
    bytes_add_printf(out, " | %s%s%s | ", text.size ? "`" : "", bytes_text(&text), text.size ? "`" : "");
    if (row->flags & PARAM_PROTECTED)
        bytes_add_text(out, "protected");
    else
        bytes_add_text(out, row->flags & PARAM_MUTABLE ? "yes" : "no");
    bytes_add_text(out, " | ");
    add_cell(out, row->help);
    bytes_add_text(out, " |\n");
    bytes_fini(&text);
}

static void reference_row(void *context, const struct param *row, const struct param_entry *entry) {
    struct param_values values = {0};
    param_get_plain(entry, &values);
    reference_line(context, row, &values);
    param_values_fini(&values);
}

static void reference_group(struct bytes *out, const struct param_group *group) {
    bytes_add_printf(out, "\n### Each of `%s`\n", group->name);
    table_head(out);
    for (size_t i = 0; i < group->count; i++) {
        struct param_values values = {0};
        param_parse_default(&group->rows[i], &values);
        reference_line(out, &group->rows[i], &values);
        param_values_fini(&values);
    }
}

static void reference_absent(const struct params *params, struct bytes *out) {
    bytes_add_text(out,
                   "\n### Not supported\n\nThese names are known from other servers and refused, except for the value "
                   "that says \"without it\".\n\n| parameter | accepted | what is missing |\n|---|---|---|\n");
    for (size_t i = 0; i < params_absent_count(params); i++) {
        const struct param_absent *absent = params_absent_at(params, i);
        if (!absent) continue;
        bytes_add_printf(out, "| `%s`", absent->name);
        if (absent->alias) bytes_add_printf(out, ", `%s`", absent->alias);
        if (absent->off)
            bytes_add_printf(out, " | `%s` | ", absent->off[0] ? absent->off : "\"\"");
        else
            bytes_add_text(out, " | | ");
        add_cell(out, absent->reason);
        bytes_add_text(out, " |\n");
    }
}

void manual_print_reference(const struct params *params, struct bytes *out) {
    const struct param_group *group = params_find_group(params, SLICE("sentinel-masters"), NULL);
    bytes_add_printf(out, "## Parameters of a %s\n", group ? "sentinel" : "server");
    walk(params, reference_section, reference_row, out);
    if (group) reference_group(out, group);
    reference_absent(params, out);
}

/* ---- one parameter
 * --------------------------------------------------------------------------------------------------------- */
