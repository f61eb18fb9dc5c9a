#include "core/config/yaml_write.h"

#include "base/mem.h"

#include <stdio.h>

/* Could a reader of another YAML take this plain text for a null, or its beginning for syntax? */
static bool is_safe_plain(struct slice text, bool in_flow) {
    if (text.size == 0 || slice_is(text, "~") || slice_is_nocase(text, "null")) return false;
    if (slice_is(text, "---") || slice_is(text, "...") || slice_starts_with(text, "--- ")) return false;
    if (strchr("-?:,[]{}#&*!|>'\"%@` ", text.data[0])) {
        /* "-1" and "-::1" are plain, "- a" is a list */
        bool is_dashed = text.data[0] == '-' && text.size > 1 && text.data[1] != ' ' && text.data[1] != '-';
        if (!is_dashed) return false;
    }
    if (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == ':') return false;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < ' ' || c >= 0x7F) return false;
        if (c == ':' && i + 1 < text.size && text.data[i + 1] == ' ') return false;
        if (c == '#' && i > 0 && text.data[i - 1] == ' ') return false;
        if (in_flow && strchr(",[]{}:?", c)) return false;
    }
    return true;
}

static bool is_safe_single(struct slice text) {
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < ' ' || (unsigned char)text.data[i] >= 0x7F) return false;
    return true;
}

static void write_single(struct bytes *out, struct slice text) {
    bytes_add_char(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'') bytes_add_char(out, '\'');
        bytes_add_char(out, text.data[i]);
    }
    bytes_add_char(out, '\'');
}

/* A text that came through YAML is UTF-8 and may stay so; CONFIG SET can bring any bytes. Returns the length of the
 * sequence at the text's begin, 0: it is none that YAML lets through unescaped. */
static size_t utf8_size(struct slice text, unsigned *code) {
    unsigned char first = (unsigned char)text.data[0];
    size_t size = first >= 0xF0 && first < 0xF5 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
    if (first >= 0xF5 || size == 0 || size > text.size) return 0;
    *code = first & (0xFFu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        unsigned char next = (unsigned char)text.data[i];
        if ((next & 0xC0) != 0x80) return 0;
        *code = *code << 6 | (next & 0x3F);
    }
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (*code < least[size] || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000)) return 0;
    return size;
}

bool yaml_write_can(struct slice text) {
    unsigned code;
    for (size_t i = 0; i < text.size;) {
        size_t size =
            (unsigned char)text.data[i] < 0x80 ? 1 : utf8_size(slice_make(text.data + i, text.size - i), &code);
        if (size == 0) return false;
        i += size;
    }
    return true;
}

static void write_double(struct bytes *out, struct slice text) {
    bytes_add_char(out, '"');
    for (size_t i = 0; i < text.size;) {
        unsigned char c = (unsigned char)text.data[i];
        unsigned code = c;
        size_t size = 1;
        if (c >= 0x80 && (size = utf8_size(slice_make(text.data + i, text.size - i), &code)) == 0) {
            size = 1; /* no UTF-8: YAML cannot carry it, and whoever reads it back will notice */
            code = c;
        }
        if (c == '"' || c == '\\')
            bytes_add_printf(out, "\\%c", c);
        else if (c == '\n')
            bytes_add_text(out, "\\n");
        else if (c < ' ' || c == 0x7F)
            bytes_add_printf(out, "\\x%02X", c);
        else if (c < 0x80 || (size > 1 && code >= 0xA0 && code != 0x2028 && code != 0x2029 && code != 0xFEFF))
            bytes_add(out, text.data + i, size);
        else if (code <= 0xFFFF)
            bytes_add_printf(out, "\\u%04X", code);
        else
            bytes_add_printf(out, "\\U%08X", code);
        i += size;
    }
    bytes_add_char(out, '"');
}

void yaml_write_scalar(struct bytes *out, struct slice text, enum yaml_tree_style style, bool in_flow) {
    if (style != YAML_TREE_SINGLE && style != YAML_TREE_DOUBLE && is_safe_plain(text, in_flow))
        bytes_add_slice(out, text);
    else if (style == YAML_TREE_SINGLE && is_safe_single(text))
        write_single(out, text);
    else
        write_double(out, text);
}

/* Lists of single words and such of fixed groups can be written as one text. */
static bool is_one_text(const struct param *row, const struct param_values *values) {
    if (row->type == PARAM_TYPE_map) return false;
    if (row->type != PARAM_TYPE_list) return true;
    return row->words != 0 ? values->count <= 1 : values->count == 1;
}

void yaml_write_value(struct bytes *out, const struct param *row, const struct param_values *values, bool in_flow) {
    if (is_one_text(row, values)) {
        struct bytes text = {0};
        param_values_print(values, &text);
        yaml_write_scalar(out, bytes_slice(&text), YAML_TREE_PLAIN, in_flow);
        bytes_fini(&text);
        return;
    }
    bytes_add_char(out, row->type == PARAM_TYPE_map ? '{' : '[');
    for (size_t i = 0; i < values->count; i++) {
        const struct param_item *item = &values->items[i];
        if (i) bytes_add_text(out, ", ");
        if (item->key) {
            yaml_write_scalar(out, slice_text(item->key), YAML_TREE_PLAIN, true);
            bytes_add_text(out, ": ");
        }
        yaml_write_scalar(out, slice_text(item->text), YAML_TREE_PLAIN, true);
    }
    bytes_add_char(out, row->type == PARAM_TYPE_map ? '}' : ']');
}
