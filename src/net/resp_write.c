#include "net/resp_write.h"
#include "base/mem.h"
#include "base/number.h"

#include <math.h>

/* Every form is written by a put_*() into plain memory that is large enough; resp_write_*() and resp_print_*() only
 * differ in where the memory comes from. */

enum {
    HEAD_ROOM = 32,        /* any head: kind, 20 digits, sign, CR LF */
    COPY_WHOLE_MAX = 1024, /* bulks up to here are written in one piece */
};

static inline char *put_crlf(char *at) {
    memcpy(at, "\r\n", 2);
    return at + 2;
}

static inline char *put_head(char *at, char kind, int64_t value) {
    *at++ = kind;
    if (LIKELY(value >= 0 && value < 10)) {
        *at++ = (char)('0' + value);
    } else if (LIKELY(value >= 0 && value < 100)) {
        *at++ = (char)('0' + value / 10);
        *at++ = (char)('0' + value % 10);
    } else {
        char digits[NUMBER_TEXT_SIZE];
        size_t size = number_print_int(digits, value);
        memcpy(at, digits, size);
        at += size;
    }
    return put_crlf(at);
}

static inline char *put_text(char *at, struct slice text) {
    if (text.size) memcpy(at, text.data, text.size);
    return at + text.size;
}

static inline char *put_bulk(char *at, struct slice text) {
    return put_crlf(put_text(put_head(at, '$', (int64_t)text.size), text));
}

static inline char *put_line(char *at, char kind, struct slice text) {
    *at++ = kind;
    return put_crlf(put_text(at, text));
}

/* An error is one line: what would end it early becomes a blank. */
static char *put_error(char *at, struct slice text) {
    char *begin = at + 1;
    at = put_line(at, '-', text);
    for (char *c = begin; c < at - 2; c++)
        if (*c == '\r' || *c == '\n') *c = ' ';
    return at;
}

static char *put_null(char *at, int version, bool is_array) {
    if (version >= 3) return put_line(at, '_', (struct slice){NULL, 0});
    return put_head(at, is_array ? '*' : '$', -1);
}

static char *put_double(char *at, int version, double value) {
    char text[64];
    size_t size = isnan(value) ? (memcpy(text, "nan", 3), (size_t)3) : number_print_double(text, value);
    struct slice digits = {text, size};
    return version >= 3 ? put_line(at, ',', digits) : put_bulk(at, digits);
}

static char *put_bulk_int(char *at, int64_t value) {
    char text[NUMBER_TEXT_SIZE];
    return put_bulk(at, (struct slice){text, number_print_int(text, value)});
}

static char *put_aggregate(char *at, int version, char kind, size_t count) {
    if (version >= 3 || kind == '*') return put_head(at, kind, (int64_t)count);
    return put_head(at, '*', (int64_t)(kind == '%' ? 2 * count : count));
}

/* ---- where the memory comes from ---- */

#define WRITE(out, room, put)                                                                                          \
    do {                                                                                                               \
        char *at_ = output_room((out), (room));                                                                        \
        char *end_ = put;                                                                                              \
        output_filled((out), (size_t)(end_ - at_));                                                                    \
    } while (0)

#define PRINT(out, room, put)                                                                                          \
    do {                                                                                                               \
        bytes_reserve((out), (room));                                                                                  \
        char *at_ = (out)->data + (out)->size;                                                                         \
        char *end_ = put;                                                                                              \
        (out)->size += (size_t)(end_ - at_);                                                                           \
        *end_ = 0;                                                                                                     \
    } while (0)

void resp_write_status(struct output *out, struct slice text) {
    WRITE(out, text.size + HEAD_ROOM, put_line(at_, '+', text));
}

void resp_write_error(struct output *out, struct slice text) {
    WRITE(out, text.size + HEAD_ROOM, put_error(at_, text));
}

void resp_write_error_printf(struct output *out, const char *format, ...) {
    struct bytes text = {0};
    va_list args;
    va_start(args, format);
    bytes_add_vprintf(&text, format, args);
    va_end(args);
    resp_write_error(out, bytes_slice(&text));
    bytes_fini(&text);
}

void resp_write_int(struct output *out, int64_t value) {
    WRITE(out, HEAD_ROOM, put_head(at_, ':', value));
}

void resp_write_bulk(struct output *out, struct slice text) {
    if (LIKELY(text.size <= COPY_WHOLE_MAX)) {
        WRITE(out, text.size + HEAD_ROOM, put_bulk(at_, text));
        return;
    }
    WRITE(out, HEAD_ROOM, put_head(at_, '$', (int64_t)text.size));
    output_add(out, text.data, text.size);
    output_add(out, "\r\n", 2);
}

void resp_write_bulk_text(struct output *out, const char *text) {
    resp_write_bulk(out, slice_text(text));
}

void resp_write_bulk_int(struct output *out, int64_t value) {
    WRITE(out, 2 * HEAD_ROOM, put_bulk_int(at_, value));
}

void resp_write_bulk_reference(struct output *out, struct slice text, void (*release)(void *context), void *context) {
    WRITE(out, HEAD_ROOM, put_head(at_, '$', (int64_t)text.size));
    output_add_reference(out, text.data, text.size, release, context);
    output_add(out, "\r\n", 2);
}

void resp_write_null(struct output *out, int version) {
    WRITE(out, HEAD_ROOM, put_null(at_, version, false));
}

void resp_write_null_array(struct output *out, int version) {
    WRITE(out, HEAD_ROOM, put_null(at_, version, true));
}

void resp_write_bool(struct output *out, int version, bool value) {
    if (version >= 3) WRITE(out, HEAD_ROOM, put_line(at_, '#', value ? SLICE("t") : SLICE("f")));
    else resp_write_int(out, value);
}

void resp_write_double(struct output *out, int version, double value) {
    WRITE(out, 3 * HEAD_ROOM, put_double(at_, version, value));
}

void resp_write_big_number(struct output *out, int version, struct slice digits) {
    if (version >= 3) WRITE(out, digits.size + HEAD_ROOM, put_line(at_, '(', digits));
    else resp_write_bulk(out, digits);
}

void resp_write_verbatim(struct output *out, int version, const char *format3, struct slice text) {
    if (version < 3) {
        resp_write_bulk(out, text);
        return;
    }
    char *at = output_room(out, HEAD_ROOM);
    char *end = put_head(at, '=', (int64_t)text.size + 4);
    memcpy(end, format3, 3);
    end[3] = ':';
    output_filled(out, (size_t)(end + 4 - at));
    output_add(out, text.data, text.size);
    output_add(out, "\r\n", 2);
}

void resp_write_array(struct output *out, size_t count) {
    WRITE(out, HEAD_ROOM, put_head(at_, '*', (int64_t)count));
}

void resp_write_map(struct output *out, int version, size_t count) {
    WRITE(out, HEAD_ROOM, put_aggregate(at_, version, '%', count));
}

void resp_write_set(struct output *out, int version, size_t count) {
    WRITE(out, HEAD_ROOM, put_aggregate(at_, version, '~', count));
}

void resp_write_push(struct output *out, int version, size_t count) {
    WRITE(out, HEAD_ROOM, put_aggregate(at_, version, '>', count));
}

void resp_write_attribute(struct output *out, size_t count) {
    WRITE(out, HEAD_ROOM, put_head(at_, '|', (int64_t)count));
}

struct output_hole resp_write_head_later(struct output *out) {
    return output_dig(out);
}

void resp_write_head_now(struct output *out, struct output_hole hole, int version, char kind, size_t count) {
    char head[HEAD_ROOM];
    char *end = put_aggregate(head, version, kind, count);
    output_fill(out, hole, head, (size_t)(end - head));
}

void resp_write_request(struct output *out, const struct slice *argv, size_t argc) {
    resp_write_array(out, argc);
    for (size_t i = 0; i < argc; i++) resp_write_bulk(out, argv[i]);
}

void resp_print_bulk(struct bytes *out, struct slice text) {
    PRINT(out, text.size + HEAD_ROOM, put_bulk(at_, text));
}

void resp_print_array(struct bytes *out, size_t count) {
    PRINT(out, HEAD_ROOM, put_head(at_, '*', (int64_t)count));
}

void resp_print_push(struct bytes *out, int version, size_t count) {
    PRINT(out, HEAD_ROOM, put_aggregate(at_, version, '>', count));
}

void resp_print_request(struct bytes *out, const struct slice *argv, size_t argc) {
    resp_print_array(out, argc);
    for (size_t i = 0; i < argc; i++) resp_print_bulk(out, argv[i]);
}
