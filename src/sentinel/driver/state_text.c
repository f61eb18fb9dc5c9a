#include "sentinel/driver/state_text.h"
#include "base/crc32.h"
#include "base/mem.h"
#include "base/number.h"

#include <stdio.h>

#define HEAD_START "# kvd sentinel state, format "
#define CHECKSUM_START "# crc32 "
#define RECORD_START "--- # "

void state_text_add_head(struct bytes *out) {
    bytes_add_printf(out, HEAD_START "%d\n", STATE_FORMAT);
    bytes_add_text(out, "# Written by kvd; the operator's settings are in the configuration. Do not edit: every record has a"
                        " checksum.\n");
}

size_t state_text_begin(struct bytes *out, uint64_t serial) {
    size_t start = out->size;
    bytes_add_printf(out, RECORD_START "%llu\n", (unsigned long long)serial);
    return start;
}

void state_text_add(struct bytes *out, const char *key, const char *value) {
    bytes_add_quoted(out, slice_text(key));
    bytes_add_text(out, ": ");
    if (value) bytes_add_quoted(out, slice_text(value));
    else bytes_add_text(out, "null");
    bytes_add_char(out, '\n');
}

void state_text_end(struct bytes *out, size_t start) {
    uint32_t crc = crc32_update(0, slice_make(out->data + start, out->size - start));
    bytes_add_printf(out, CHECKSUM_START "%08x\n", crc);
}

/* One line without its end. False: no complete line is left. */
static bool next_line(struct slice *rest, struct slice *line) {
    const char *end = rest->size ? memchr(rest->data, '\n', rest->size) : NULL;
    if (!end) return false;
    *line = slice_make(rest->data, (size_t)(end - rest->data));
    *rest = slice_make(end + 1, rest->size - line->size - 1);
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

/* Takes a quoted text from the front of `rest` into `out`. */
static bool read_quoted(struct slice *rest, struct bytes *out) {
    const char *p = rest->data, *end = rest->data + rest->size;
    if (p == end || *p++ != '"') return false;
    for (; p < end && *p != '"'; p++) {
        if (*p != '\\') {
            bytes_add_char(out, *p);
            continue;
        }
        if (++p == end) return false;
        switch (*p) {
        case 'n': bytes_add_char(out, '\n'); break;
        case 'r': bytes_add_char(out, '\r'); break;
        case 't': bytes_add_char(out, '\t'); break;
        case 'a': bytes_add_char(out, '\a'); break;
        case 'b': bytes_add_char(out, '\b'); break;
        case 'x': {
            if (end - p < 3) return false;
            int high = hex_digit(p[1]), low = hex_digit(p[2]);
            if (high < 0 || low < 0) return false;
            bytes_add_char(out, (char)(high * 16 + low));
            p += 2;
            break;
        }
        default: bytes_add_char(out, *p);
        }
    }
    if (p == end) return false;
    *rest = slice_make(p + 1, (size_t)(end - p - 1));
    return true;
}

/* "key": "value" or "key": null. */
static bool read_entry(struct slice line, struct bytes *key, struct bytes *value, bool *has_value) {
    bytes_clear(key);
    bytes_clear(value);
    if (!read_quoted(&line, key) || !slice_starts_with(line, ": ")) return false;
    line = slice_make(line.data + 2, line.size - 2);
    *has_value = !slice_is(line, "null");
    return !*has_value || (read_quoted(&line, value) && line.size == 0);
}

/* The record at the front of `rest`: its body without first and last line. False: it is not a complete good one. */
static bool read_record(struct slice *rest, uint64_t *serial, struct slice *body) {
    struct slice at = *rest, line;
    const char *start = at.data;
    if (!next_line(&at, &line) || !slice_starts_with(line, RECORD_START)) return false;
    size_t skip = sizeof(RECORD_START) - 1;
    if (!number_parse_uint(slice_make(line.data + skip, line.size - skip), serial)) return false;
    const char *body_start = at.data;
    for (;;) {
        const char *line_start = at.data;
        if (!next_line(&at, &line)) return false;
        if (!slice_starts_with(line, CHECKSUM_START)) continue;
        char expected[32];
        uint32_t crc = crc32_update(0, slice_make(start, (size_t)(line_start - start)));
        snprintf(expected, sizeof(expected), CHECKSUM_START "%08x", crc);
        if (!slice_is(line, expected)) return false;
        *body = slice_make(body_start, (size_t)(line_start - body_start));
        *rest = at;
        return true;
    }
}

static bool apply_record(struct slice body, void (*on_entry)(void *, const char *, const char *), void *context) {
    struct bytes key = {0}, value = {0};
    struct slice line;
    bool good = true, has_value;
    while (good && next_line(&body, &line)) {
        good = read_entry(line, &key, &value, &has_value);
        if (good && on_entry) on_entry(context, bytes_text(&key), has_value ? bytes_text(&value) : NULL);
    }
    bytes_fini(&key);
    bytes_fini(&value);
    return good;
}

/* Is there a complete record anywhere in the text? */
static bool has_record(struct slice text) {
    uint64_t serial;
    struct slice line, body, at = text;
    while (text.size) {
        at = text;
        if (slice_starts_with(at, RECORD_START) && read_record(&at, &serial, &body)) return true;
        if (!next_line(&text, &line)) return false;
    }
    return false;
}

/* F2: the first record is put in place whole, so no crash can have torn it. */
static enum state_text_result refuse_without_record(size_t size, struct error *err) {
    error_set(err, "it is damaged: it ends after %zu bytes without a complete record. Votes may be lost in it, so it is not"
                   " used; restore it, or move it away to start without memory", size);
    return STATE_TEXT_REFUSED;
}

static enum state_text_result read_head(struct slice *rest, struct error *err) {
    struct slice line;
    struct bytes ours = {0};
    state_text_add_head(&ours);
    /* A head that ends too early is ours, torn; any other text is somebody else's. */
    bool torn = rest->size < ours.size && memcmp(rest->data ? rest->data : "", ours.data, rest->size) == 0;
    bytes_fini(&ours);
    if (rest->size == 0) {
        error_set(err, "it is empty");
        return STATE_TEXT_NONE;
    }
    if (torn) return refuse_without_record(rest->size, err);
    size_t skip = sizeof(HEAD_START) - 1;
    uint64_t format;
    if (!next_line(rest, &line) || !slice_starts_with(line, HEAD_START) ||
        !number_parse_uint(slice_make(line.data + skip, line.size - skip), &format)) {
        error_set(err, "it is not a state file of a kvd sentinel: its first line must be \"" HEAD_START "%d\"",
                  STATE_FORMAT);
        return STATE_TEXT_REFUSED;
    }
    if (format != STATE_FORMAT) {
        error_set(err, "it has format %llu and this kvd knows format %d only: start the newer version that wrote it",
                  (unsigned long long)format, STATE_FORMAT);
        return STATE_TEXT_REFUSED;
    }
    while (slice_starts_with(*rest, "#") && next_line(rest, &line)) {}
    return STATE_TEXT_OK;
}

enum state_text_result state_text_read(struct slice text, void (*on_entry)(void *, const char *, const char *),
                                             void *context, struct state_text_info *out, struct error *err) {
    *out = (struct state_text_info){0};
    struct slice rest = text;
    enum state_text_result result = read_head(&rest, err);
    if (result != STATE_TEXT_OK) return result;
    struct slice records = rest, body;
    while (rest.size) {
        uint64_t serial;
        struct slice before = rest;
        size_t at = (size_t)(rest.data - text.data);
        bool good = read_record(&rest, &serial, &body) && (out->count == 0 || serial == out->last_serial + 1);
        if (good && !apply_record(body, NULL, NULL)) {
            error_set(err, "record %llu at byte %zu has a line that this version cannot read",
                      (unsigned long long)serial, at);
            return STATE_TEXT_REFUSED;
        }
        if (good) {
            out->last_serial = serial;
            out->count++;
            continue;
        }
        struct slice line, after = before;
        bool more = next_line(&after, &line) && has_record(after);
        if (more || (before.data != rest.data)) { /* F2; a good record with a serial out of order is damage too */
            error_set(err, "it is damaged at byte %zu: complete records follow one whose checksum is wrong. Votes may be"
                           " lost in it, so it is not used; restore it, or move it away to start without memory", at);
            return STATE_TEXT_REFUSED;
        }
        rest = before;
        break;
    }
    out->good_bytes = (size_t)(rest.data - text.data);
    if (out->count == 0) return refuse_without_record(text.size, err);
    uint64_t serial;
    for (uint64_t i = 0; i < out->count; i++)
        if (read_record(&records, &serial, &body)) apply_record(body, on_entry, context);
    if (rest.size == 0) return STATE_TEXT_OK;
    error_set(err, "its last %zu bytes are not a complete record and are dropped", rest.size);
    return STATE_TEXT_TORN;
}
