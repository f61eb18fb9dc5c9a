#include "base/bytes.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

bool slice_equal_nocase(struct slice a, struct slice b) {
    return a.size == b.size && (a.size == 0 || strncasecmp(a.data, b.data, a.size) == 0);
}

bool slice_is_nocase(struct slice a, const char *text) {
    return slice_equal_nocase(a, slice_text(text));
}

bool slice_starts_with(struct slice a, const char *prefix) {
    size_t size = strlen(prefix);
    return a.size >= size && memcmp(a.data, prefix, size) == 0;
}

int slice_compare(struct slice a, struct slice b) {
    size_t common = MIN(a.size, b.size);
    int order = common ? memcmp(a.data, b.data, common) : 0;
    if (order) return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

bool slice_split(struct slice *rest, char separator, struct slice *part) {
    if (!rest->data) return false;
    const char *found = rest->size ? memchr(rest->data, separator, rest->size) : NULL;
    if (!found) {
        *part = *rest;
        *rest = (struct slice){NULL, 0};
        return true;
    }
    part->data = rest->data;
    part->size = (size_t)(found - rest->data);
    rest->size -= part->size + 1;
    rest->data = found + 1;
    return true;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice a) {
    while (a.size && is_blank(a.data[0])) a.data++, a.size--;
    while (a.size && is_blank(a.data[a.size - 1])) a.size--;
    return a;
}

void slice_print_plain(struct slice a, char *out, size_t size) {
    size_t used = 0;
    for (size_t i = 0; i < a.size && used + 1 < size; i++) {
        unsigned char c = (unsigned char)a.data[i];
        out[used++] = c < ' ' || c == 127 ? '?' : a.data[i];
    }
    out[used] = 0;
}

char *slice_to_text(struct slice a) {
    return mem_strndup(a.data, a.size);
}

void bytes_fini(struct bytes *bytes) {
    mem_free(bytes->data);
    *bytes = (struct bytes){0};
}

void bytes_clear(struct bytes *bytes) {
    bytes->size = 0;
    if (bytes->data) bytes->data[0] = 0;
}

void bytes_reserve(struct bytes *bytes, size_t more) {
    CHECK(more < SIZE_MAX / 2 - bytes->size);
    size_t needed = bytes->size + more;
    if (bytes->data && needed <= bytes->capacity) return;
    size_t wanted = MAX(needed, bytes->capacity + bytes->capacity / 2);
    bytes->data = mem_realloc(bytes->data, MAX(wanted, 15) + 1);
    bytes->capacity = mem_size(bytes->data) - 1;
    bytes->data[bytes->size] = 0;
}

void bytes_add(struct bytes *bytes, const void *data, size_t size) {
    bytes_reserve(bytes, size);
    if (size) memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    bytes->data[bytes->size] = 0;
}

void bytes_add_char(struct bytes *bytes, char c) {
    bytes_add(bytes, &c, 1);
}

void bytes_add_vprintf(struct bytes *bytes, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    bytes_reserve(bytes, 80);
    int size = vsnprintf(bytes->data + bytes->size, bytes->capacity - bytes->size + 1, format, args);
    CHECK(size >= 0);
    if ((size_t)size > bytes->capacity - bytes->size) {
        bytes_reserve(bytes, (size_t)size);
        vsnprintf(bytes->data + bytes->size, (size_t)size + 1, format, again);
    }
    bytes->size += (size_t)size;
    va_end(again);
}

void bytes_add_printf(struct bytes *bytes, const char *format, ...) {
    va_list args;
    va_start(args, format);
    bytes_add_vprintf(bytes, format, args);
    va_end(args);
}

void bytes_drop_front(struct bytes *bytes, size_t size) {
    CHECK(size <= bytes->size);
    if (size == 0) return;
    memmove(bytes->data, bytes->data + size, bytes->size - size + 1);
    bytes->size -= size;
}

void bytes_add_quoted(struct bytes *bytes, struct slice text) {
    bytes_add_char(bytes, '"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        switch (c) {
        case '\\':
        case '"': bytes_add_printf(bytes, "\\%c", c); break;
        case '\n': bytes_add_text(bytes, "\\n"); break;
        case '\r': bytes_add_text(bytes, "\\r"); break;
        case '\t': bytes_add_text(bytes, "\\t"); break;
        case '\a': bytes_add_text(bytes, "\\a"); break;
        case '\b': bytes_add_text(bytes, "\\b"); break;
        default:
            if (c >= 0x20 && c < 0x7f) bytes_add_char(bytes, (char)c);
            else bytes_add_printf(bytes, "\\x%02x", c);
        }
    }
    bytes_add_char(bytes, '"');
}

const char *bytes_text(const struct bytes *bytes) {
    return bytes->data ? bytes->data : "";
}
