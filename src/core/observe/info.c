#include "core/observe/info.h"

#include "base/mem.h"
#include "base/number.h"

enum { SELECT_DEFAULT = 1, SELECT_ALL = 2, SELECT_EVERYTHING = 4 };

/* In the order of printing. */
static const struct {
    const char *name, *title;
    unsigned    selected_by;
} info_sections[] = {
    {"server", "Server", SELECT_DEFAULT | SELECT_ALL | SELECT_EVERYTHING},
    {"clients", "Clients", SELECT_DEFAULT | SELECT_ALL | SELECT_EVERYTHING},
    {"memory", "Memory", SELECT_DEFAULT | SELECT_ALL | SELECT_EVERYTHING},
    {"persistence", "Persistence", SELECT_DEFAULT | SELECT_ALL | SELECT_EVERYTHING},
    {"stats", "Stats", SELECT_DEFAULT | SELECT_ALL | SELECT_EVERYTHING},
    {"replication", "Replication", SELECT_DEFAULT | SELECT_ALL | SELECT_EVERYTHING},
    {"cpu", "CPU", SELECT_DEFAULT | SELECT_ALL | SELECT_EVERYTHING},
    {"modules", "Modules", SELECT_DEFAULT | SELECT_EVERYTHING},
    {"commandstats", "Commandstats", SELECT_ALL | SELECT_EVERYTHING},
    {"errorstats", "Errorstats", SELECT_DEFAULT | SELECT_ALL | SELECT_EVERYTHING},
    {"latencystats", "Latencystats", SELECT_ALL | SELECT_EVERYTHING},
    {"sentinel", "Sentinel", SELECT_DEFAULT | SELECT_ALL | SELECT_EVERYTHING},
    {"cluster", "Cluster", SELECT_DEFAULT | SELECT_ALL | SELECT_EVERYTHING},
    {"keyspace", "Keyspace", SELECT_DEFAULT | SELECT_ALL | SELECT_EVERYTHING},
};
enum { SECTIONS = COUNT_OF(info_sections) };

enum part_kind { PART_FIELD, PART_LINES, PART_PREPARE };

struct part {
    enum part_kind           kind;
    const struct info_field *field;
    void (*lines)(void *context, struct bytes *out);
    void (*prepare)(void *context);
    void *context;
};

struct section {
    struct part *parts;
    size_t       count;
};

struct info {
    struct section sections[SECTIONS];
};

struct info *info_new(void) {
    return mem_zalloc(sizeof(struct info));
}

void info_free(struct info **info) {
    if (*info == NULL) return;
    for (size_t i = 0; i < SECTIONS; i++) mem_free((*info)->sections[i].parts);
    mem_free(*info);
    *info = NULL;
}

/* ---- adding ---- */

static struct section *find_section(struct info *info, const char *name) {
    for (size_t i = 0; i < SECTIONS; i++)
        if (strcmp(info_sections[i].name, name) == 0) return &info->sections[i];
    UNREACHABLE("a section that info.c does not list");
}

static void add_part(struct info *info, const char *name, struct part part) {
    struct section *section = find_section(info, name);
    section->parts = mem_realloc(section->parts, (section->count + 1) * sizeof part);
    section->parts[section->count++] = part;
}

void info_add_fields(struct info *info, const struct info_field *fields, size_t count, void *context) {
    for (size_t i = 0; i < count; i++)
        add_part(info, fields[i].section, (struct part){.kind = PART_FIELD, .field = &fields[i], .context = context});
}

void info_add_lines(struct info *info, const char *section, void (*print)(void *context, struct bytes *out),
                    void *context) {
    add_part(info, section, (struct part){.kind = PART_LINES, .lines = print, .context = context});
}

void info_before(struct info *info, const char *section, void (*prepare)(void *context), void *context) {
    add_part(info, section, (struct part){.kind = PART_PREPARE, .prepare = prepare, .context = context});
}

bool info_next_field(const struct info *info, size_t *at, const struct info_field **field) {
    size_t place = 0;
    for (size_t i = 0; i < SECTIONS; i++)
        for (size_t j = 0; j < info->sections[i].count; j++) {
            if (info->sections[i].parts[j].kind != PART_FIELD || place++ < *at) continue;
            *field = info->sections[i].parts[j].field;
            (*at)++;
            return true;
        }
    return false;
}

/* ---- printing ---- */

static unsigned selector_of(struct slice name) {
    if (slice_is_nocase(name, "default")) return SELECT_DEFAULT;
    if (slice_is_nocase(name, "all")) return SELECT_ALL;
    return slice_is_nocase(name, "everything") ? SELECT_EVERYTHING : 0;
}

static bool is_wanted(size_t section, const struct slice *names, size_t count) {
    if (count == 0) return (info_sections[section].selected_by & SELECT_DEFAULT) != 0;
    for (size_t i = 0; i < count; i++)
        if ((info_sections[section].selected_by & selector_of(names[i])) != 0 ||
            slice_is_nocase(names[i], info_sections[section].name))
            return true;
    return false;
}

static void print_section(const struct section *section, struct bytes *out) {
    for (size_t i = 0; i < section->count; i++)
        if (section->parts[i].kind == PART_PREPARE) section->parts[i].prepare(section->parts[i].context);
    for (size_t i = 0; i < section->count; i++) {
        const struct part *part = &section->parts[i];
        if (part->kind == PART_LINES) part->lines(part->context, out);
        if (part->kind != PART_FIELD) continue;
        bytes_add_text(out, part->field->name);
        bytes_add_char(out, ':');
        part->field->print(part->context, out);
        bytes_add_text(out, "\r\n");
    }
}

void info_print(struct info *info, const struct slice *names, size_t count, struct bytes *out) {
    size_t begin = out->size;
    for (size_t i = 0; i < SECTIONS; i++) {
        if (info->sections[i].count == 0 || !is_wanted(i, names, count)) continue;
        if (out->size > begin) bytes_add_text(out, "\r\n");
        bytes_add_printf(out, "# %s\r\n", info_sections[i].title);
        print_section(&info->sections[i], out);
    }
}

void info_print_int(struct bytes *out, int64_t value) {
    char text[NUMBER_TEXT_SIZE];
    bytes_add(out, text, number_print_int(text, value));
}

void info_print_uint(struct bytes *out, uint64_t value) {
    char text[NUMBER_TEXT_SIZE];
    bytes_add(out, text, number_print_uint(text, value));
}

void info_print_text(struct bytes *out, const char *value) {
    if (value != NULL) bytes_add_text(out, value);
}

void info_print_human(struct bytes *out, uint64_t bytes) {
    char text[32];
    number_print_human(text, bytes);
    bytes_add_text(out, text);
}

void info_print_fixed(struct bytes *out, double value) {
    bytes_add_printf(out, "%.2f", value);
}

void info_print_percent(struct bytes *out, double percent) {
    bytes_add_printf(out, "%.2f%%", percent);
}

void info_print_seconds(struct bytes *out, int64_t microseconds) {
    bytes_add_printf(out, "%lld.%06lld", (long long)(microseconds / 1000000), (long long)(microseconds % 1000000));
}
