#include "core/config/param.h"
#include "core/config/param_internal.h"

#include "base/mem.h"
#include "base/number.h"

#include <stdio.h>

/* ---- struct param_values ------------------------------------------------------------------------------------- */

void param_values_fini(struct param_values *values) {
    for (size_t i = 0; i < values->count; i++) {
        mem_free(values->items[i].key);
        mem_free(values->items[i].text);
    }
    mem_free(values->items);
    *values = (struct param_values){0};
}

void param_values_add(struct param_values *values, struct slice key, struct slice text) {
    values->items = mem_realloc(values->items, (values->count + 1) * sizeof *values->items);
    values->items[values->count++] = (struct param_item){key.data ? slice_to_text(key) : NULL, slice_to_text(text)};
}

static struct slice item_key(const struct param_item *item) {
    return item->key ? slice_text(item->key) : (struct slice){0};
}

void param_values_copy(struct param_values *to, const struct param_values *from) {
    for (size_t i = 0; i < from->count; i++)
        param_values_add(to, item_key(&from->items[i]), slice_text(from->items[i].text));
}

const char *param_values_find(const struct param_values *values, const char *key) {
    for (size_t i = 0; i < values->count; i++)
        if (values->items[i].key && strcmp(values->items[i].key, key) == 0) return values->items[i].text;
    return NULL;
}

bool param_values_equal(const struct param_values *a, const struct param_values *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct param_item *x = &a->items[i], *y = &b->items[i];
        if ((x->key != NULL) != (y->key != NULL)) return false;
        const char *other = x->key ? param_values_find(b, x->key) : y->text;
        if (!other || strcmp(x->text, other) != 0) return false;
    }
    return true;
}

void param_values_print(const struct param_values *values, struct bytes *out) {
    for (size_t i = 0; i < values->count; i++) {
        if (i) bytes_add_char(out, ' ');
        if (values->items[i].key) bytes_add_printf(out, "%s ", values->items[i].key);
        bytes_add_text(out, values->items[i].text);
    }
}

/* ---- words ---------------------------------------------------------------------------------------------------- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Adds the words of a text as items without keys. */
static void add_words(struct param_values *words, struct slice text) {
    for (size_t i = 0; i < text.size;) {
        while (i < text.size && is_blank(text.data[i])) i++;
        size_t start = i;
        while (i < text.size && !is_blank(text.data[i])) i++;
        if (i > start) param_values_add(words, (struct slice){0}, slice_make(text.data + start, i - start));
    }
}

/* All words of several arguments. An argument is split at its blanks; an empty one stays a word among others. */
static void gather_words(struct param_values *words, const struct slice *arguments, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (arguments[i].size == 0 && count > 1)
            param_values_add(words, (struct slice){0}, arguments[i]);
        else
            add_words(words, arguments[i]);
    }
}

static void join_words(struct bytes *out, const struct param_item *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (i) bytes_add_char(out, ' ');
        bytes_add_text(out, words[i].text);
    }
}

/* One item that is the whole text: all arguments joined by blanks. */
static void add_whole(struct param_values *out, const struct slice *arguments, size_t count) {
    struct bytes text = {0};
    for (size_t i = 0; i < count; i++) {
        if (i) bytes_add_char(&text, ' ');
        bytes_add_slice(&text, arguments[i]);
    }
    struct slice trimmed = slice_trim(bytes_slice(&text));
    if (trimmed.size) param_values_add(out, (struct slice){0}, trimmed);
    bytes_fini(&text);
}

/* ---- one item of each type: adds its canonical form to `out` ----------------------------------------------------- */

static bool within(const struct param *row, int64_t value, struct error *err) {
    bool unbounded = row->type == PARAM_TYPE_int && row->min == 0 && row->max == 0;
    int64_t min = unbounded ? INT64_MIN : row->min;
    int64_t max = row->max ? row->max : INT64_MAX;
    if (value >= min && value <= max) return true;
    if (row->type == PARAM_TYPE_octal)
        return error_set(err, "argument must be between 0%llo and 0%llo inclusive", (unsigned long long)min,
                         (unsigned long long)max);
    return error_set(err, "argument must be between %lld and %lld inclusive", (long long)min, (long long)max);
}

static void add_number(struct param_values *out, int64_t value) {
    char text[NUMBER_TEXT_SIZE];
    param_values_add(out, (struct slice){0}, slice_make(text, number_print_int(text, value)));
}

static bool parse_size(const struct param *row, struct slice text, struct param_values *out, struct error *err) {
    uint64_t value;
    if (!number_parse_size(text, &value)) return error_set(err, "argument must be a memory value");
    if (!within(row, value > INT64_MAX ? INT64_MAX : (int64_t)value, err)) return false;
    if (value > INT64_MAX) return error_set(err, "argument must be a memory value");
    add_number(out, (int64_t)value);
    return true;
}

static bool parse_octal(const struct param *row, struct slice text, struct param_values *out, struct error *err) {
    int64_t value = 0;
    bool good = text.size > 0 && text.size <= 10;
    for (size_t i = 0; good && i < text.size; i++) {
        good = text.data[i] >= '0' && text.data[i] <= '7';
        value = value * 8 + (text.data[i] - '0');
    }
    if (!good) return error_set(err, "argument couldn't be parsed as an octal number");
    if (!within(row, value, err)) return false;
    char digits[NUMBER_TEXT_SIZE];
    int size = snprintf(digits, sizeof digits, "%llo", (unsigned long long)value);
    param_values_add(out, (struct slice){0}, slice_make(digits, (size_t)size));
    return true;
}

static const char *choice_name(const struct param *row, int value) {
    for (const struct param_choice *choice = row->choices; choice->name; choice++)
        if (choice->value == value) return choice->name;
    UNREACHABLE("an enum has a value that is none of its choices");
}

static void print_choices(const struct param *row, struct bytes *out) {
    for (const struct param_choice *choice = row->choices; choice->name; choice++)
        bytes_add_printf(out, "%s%s", choice == row->choices ? "" : ", ", choice->name);
}

static bool parse_enum(const struct param *row, struct slice text, struct param_values *out, struct error *err) {
    for (const struct param_choice *choice = row->choices; choice->name; choice++) {
        if (!slice_is_nocase(text, choice->name)) continue;
        param_values_add(out, (struct slice){0}, slice_text(choice_name(row, choice->value)));
        return true;
    }
    struct bytes names = {0};
    print_choices(row, &names);
    error_set(err, "argument(s) must be one of the following: %s", bytes_text(&names));
    bytes_fini(&names);
    return false;
}

static bool parse_plain(const struct param *row, struct slice text, struct param_values *out, struct error *err) {
    int64_t number;
    switch (row->type) {
    case PARAM_TYPE_bool:
        if (!slice_is_nocase(text, "yes") && !slice_is_nocase(text, "no"))
            return error_set(err, "argument must be 'yes' or 'no'");
        param_values_add(out, (struct slice){0}, slice_text(slice_is_nocase(text, "yes") ? "yes" : "no"));
        return true;
    case PARAM_TYPE_int:
    case PARAM_TYPE_uint:
        if (!number_parse_int(text, &number)) return error_set(err, "argument couldn't be parsed into an integer");
        if (!within(row, number, err)) return false;
        add_number(out, number);
        return true;
    case PARAM_TYPE_size: return parse_size(row, text, out, err);
    case PARAM_TYPE_octal: return parse_octal(row, text, out, err);
    case PARAM_TYPE_enum: return parse_enum(row, text, out, err);
    case PARAM_TYPE_text:
        if (memchr(text.data ? text.data : "", 0, text.size))
            return error_set(err, "argument must not hold a zero byte");
        if (row->max && text.size > (uint64_t)row->max)
            return error_set(err, "argument must be at most %lld bytes long", (long long)row->max);
        param_values_add(out, (struct slice){0}, text);
        return true;
    case PARAM_TYPE_list:
    case PARAM_TYPE_map: break;
    }
    UNREACHABLE("lists and maps are not plain");
}

/* ---- lists and maps -----------------------------------------------------------------------------------------------
 */

static bool wrong_count(const struct param *row, struct error *err) {
    return error_set(err, "%s", row->wrong_count ? row->wrong_count : "wrong number of arguments");
}

static bool add_key(struct param_values *out, struct slice key, struct slice text, struct error *err) {
    param_values_add(out, key, text);
    for (size_t i = 0; i + 1 < out->count; i++)
        if (strcmp(out->items[i].key, out->items[out->count - 1].key) == 0)
            return error_set(err, "key '%s' is given twice", out->items[i].key);
    return true;
}

/* Words to items: each `row->words` of them are one; in a map the first is the key. */
static bool add_grouped(const struct param *row, const struct slice *arguments, size_t count, struct param_values *out,
                        struct error *err) {
    if (row->words == 0 && row->type == PARAM_TYPE_list) {
        add_whole(out, arguments, count);
        return true;
    }
    struct param_values words = {0};
    struct bytes text = {0};
    gather_words(&words, arguments, count);
    size_t each = row->words ? row->words : words.count;
    bool good = each == 0 || words.count % each == 0;
    if (row->type == PARAM_TYPE_map && words.count == 1) good = false;
    if (!good) wrong_count(row, err);
    for (size_t i = 0; good && i < words.count; i += each) {
        size_t skip = row->type == PARAM_TYPE_map ? 1 : 0;
        bytes_clear(&text);
        join_words(&text, words.items + i + skip, each - skip);
        if (skip)
            good = add_key(out, slice_text(words.items[i].text), slice_text(bytes_text(&text)), err);
        else
            param_values_add(out, (struct slice){0}, slice_text(bytes_text(&text)));
    }
    bytes_fini(&text);
    param_values_fini(&words);
    return good;
}

/* An item with its key: the text must be as many words as the row says. */
static bool add_keyed(const struct param *row, const struct param_item *item, struct param_values *out,
                      struct error *err) {
    struct slice text = slice_text(item->text);
    if (row->words <= 2) return add_key(out, slice_text(item->key), text, err);
    struct param_values words = {0};
    struct bytes joined = {0};
    add_words(&words, text);
    bool good = words.count == row->words - 1 || wrong_count(row, err);
    join_words(&joined, words.items, words.count);
    if (good) good = add_key(out, slice_text(item->key), slice_text(bytes_text(&joined)), err);
    bytes_fini(&joined);
    param_values_fini(&words);
    return good;
}

static bool is_plain(const struct param *row) {
    return row->type != PARAM_TYPE_list && row->type != PARAM_TYPE_map;
}

static bool finish(const struct param *row, struct param_values *out, struct error *err) {
    bool good = !row->check || row->check(row, out, err);
    /* two spellings of one key may have become the same */
    for (size_t i = 0; good && row->type == PARAM_TYPE_map && i < out->count; i++)
        for (size_t j = 0; good && j < i; j++)
            if (strcmp(out->items[i].key, out->items[j].key) == 0)
                good = error_set(err, "key '%s' is given twice", out->items[i].key);
    if (!good) param_values_fini(out);
    return good;
}

bool param_parse(const struct param *row, const struct slice *words, size_t count, struct param_values *out,
                 struct error *err) {
    CHECK(out->count == 0);
    bool good;
    if (!is_plain(row))
        good = add_grouped(row, words, count, out, err);
    else if (count != 1)
        good = error_set(err, count ? "takes one value" : "has no value");
    else
        good = parse_plain(row, words[0], out, err);
    if (!good) param_values_fini(out);
    return good && finish(row, out, err);
}

bool param_parse_items(const struct param *row, const struct param_values *items, struct param_values *out, size_t *at,
                       struct error *err) {
    CHECK(out->count == 0);
    size_t ignored;
    if (!at) at = &ignored;
    if (is_plain(row)) {
        *at = items->count;
        return error_set(err, "takes one value, not a list");
    }
    for (*at = 0; *at < items->count; ++*at) {
        const struct param_item *item = &items->items[*at];
        struct slice text = slice_text(item->text);
        bool good = item->key ? (row->type == PARAM_TYPE_map || error_set(err, "takes a list, not a map")) &&
                                    add_keyed(row, item, out, err)
                              : add_grouped(row, &text, 1, out, err);
        if (!good) {
            param_values_fini(out);
            return false;
        }
    }
    return finish(row, out, err);
}

/* ---- settings structs ----------------------------------------------------------------------------------------------
 */

static void *field_of(const struct param *row, void *settings) {
    return (char *)settings + row->offset;
}

static void merge(struct param_values *into, struct param_values *from) {
    for (size_t i = 0; i < from->count; i++) {
        struct param_item *item = &from->items[i];
        size_t j = 0;
        while (j < into->count && strcmp(into->items[j].key, item->key) != 0) j++;
        if (j == into->count) {
            param_values_add(into, slice_text(item->key), slice_text(item->text));
        } else {
            mem_free(into->items[j].text);
            into->items[j].text = mem_strdup(item->text);
        }
    }
    param_values_fini(from);
}

void param_values_apply(const struct param *row, struct param_values *values, const struct param_values *over) {
    struct param_values copy = {0};
    param_values_copy(&copy, over);
    if (row->type == PARAM_TYPE_map) {
        merge(values, &copy);
    } else {
        param_values_fini(values);
        *values = copy;
    }
}

static int choice_value(const struct param *row, const char *name) {
    for (const struct param_choice *choice = row->choices; choice->name; choice++)
        if (strcmp(choice->name, name) == 0) return choice->value;
    UNREACHABLE("a parsed enum is none of its choices");
}

void settings_store(const struct param *row, void *settings, struct param_values *values) {
    void *field = field_of(row, settings);
    const char *text = is_plain(row) ? values->items[0].text : "";
    int64_t number = 0;
    switch (row->type) {
    case PARAM_TYPE_bool: *(bool *)field = strcmp(text, "yes") == 0; break;
    case PARAM_TYPE_int: CHECK(number_parse_int(slice_text(text), field)); break;
    case PARAM_TYPE_uint:
    case PARAM_TYPE_size: CHECK(number_parse_uint(slice_text(text), field)); break;
    case PARAM_TYPE_octal:
        for (; *text; text++) number = number * 8 + (*text - '0');
        *(uint32_t *)field = (uint32_t)number;
        break;
    case PARAM_TYPE_enum: *(int *)field = choice_value(row, text); break;
    case PARAM_TYPE_text:
        mem_free(*(char **)field);
        *(char **)field = mem_strdup(text);
        break;
    case PARAM_TYPE_list:
        param_values_fini(field);
        *(struct param_values *)field = *values;
        *values = (struct param_values){0};
        break;
    case PARAM_TYPE_map: merge(field, values); break;
    }
    param_values_fini(values);
}

void settings_get(const struct param *row, const void *settings, struct param_values *out) {
    const void *field = field_of(row, (void *)(uintptr_t)settings);
    char digits[NUMBER_TEXT_SIZE] = "";
    const char *text = digits;
    switch (row->type) {
    case PARAM_TYPE_bool: text = *(const bool *)field ? "yes" : "no"; break;
    case PARAM_TYPE_int: number_print_int(digits, *(const int64_t *)field); break;
    case PARAM_TYPE_uint:
    case PARAM_TYPE_size: number_print_uint(digits, *(const uint64_t *)field); break;
    case PARAM_TYPE_octal: snprintf(digits, sizeof digits, "%o", (unsigned)*(const uint32_t *)field); break;
    case PARAM_TYPE_enum: text = choice_name(row, *(const int *)field); break;
    case PARAM_TYPE_text: text = *(char *const *)field ? *(char *const *)field : ""; break;
    case PARAM_TYPE_list:
    case PARAM_TYPE_map: param_values_copy(out, field); return;
    }
    param_values_add(out, (struct slice){0}, slice_text(text));
}

void settings_init(const struct param *rows, size_t count, void *settings) {
    for (size_t i = 0; i < count; i++) {
        struct param_values values = {0};
        struct error err;
        struct slice def = slice_text(rows[i].def ? rows[i].def : "");
        if (!param_parse(&rows[i], &def, 1, &values, &err)) {
            fprintf(stderr, "default of %s: %s\n", rows[i].name, err.text);
            UNREACHABLE("a default that its own row refuses");
        }
        settings_store(&rows[i], settings, &values);
    }
}

void settings_fini(const struct param *rows, size_t count, void *settings) {
    for (size_t i = 0; i < count; i++) {
        void *field = field_of(&rows[i], settings);
        if (!is_plain(&rows[i])) param_values_fini(field);
        if (rows[i].type != PARAM_TYPE_text) continue;
        mem_free(*(char **)field);
        *(char **)field = NULL;
    }
}

/* ---- words for people
 * ------------------------------------------------------------------------------------------------ */

static void print_bounds(const struct param *row, struct bytes *out) {
    int64_t max = row->max ? row->max : INT64_MAX;
    bool open_end = max == INT64_MAX || max == INT32_MAX;
    if (row->type == PARAM_TYPE_int && row->min == 0 && row->max == 0) return;
    if (open_end)
        bytes_add_printf(out, " from %lld", (long long)row->min);
    else
        bytes_add_printf(out, " from %lld to %lld", (long long)row->min, (long long)max);
}

void param_print_expected(const struct param *row, struct bytes *out) {
    switch (row->type) {
    case PARAM_TYPE_bool: bytes_add_text(out, "yes or no"); break;
    case PARAM_TYPE_int:
    case PARAM_TYPE_uint:
        bytes_add_text(out, "a whole number");
        print_bounds(row, out);
        break;
    case PARAM_TYPE_size:
        bytes_add_text(out, "a size in bytes or with a unit (512kb, 100mb, 2gb)");
        if (row->min) print_bounds(row, out);
        break;
    case PARAM_TYPE_octal: bytes_add_printf(out, "octal digits up to %llo", (unsigned long long)row->max); break;
    case PARAM_TYPE_enum:
        bytes_add_text(out, "one of ");
        print_choices(row, out);
        break;
    case PARAM_TYPE_text:
        bytes_add_text(out, "text");
        if (row->max) bytes_add_printf(out, " of at most %lld bytes", (long long)row->max);
        break;
    case PARAM_TYPE_list:
        if (row->words > 1)
            bytes_add_printf(out, "a list whose items are %u words each", row->words);
        else
            bytes_add_text(out, "a list");
        break;
    case PARAM_TYPE_map:
        if (row->words > 2)
            bytes_add_printf(out, "a map whose values are %u words each", row->words - 1);
        else
            bytes_add_text(out, "a map");
        break;
    }
}
