/* A borrowed run of bytes (slice) and a growing one (bytes).
 *
 * Neither needs a terminating zero, but a `struct bytes` always has one after its end, so that its text can be handed
 * to C functions.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

#include <stdarg.h>
#include <string.h>

struct slice {
    const char *data; /* may be NULL when size is 0 */
    size_t      size;
};

#define SLICE(literal) ((struct slice){"" literal "", sizeof(literal) - 1})

static inline struct slice slice_make(const void *data, size_t size) {
    return (struct slice){data, size};
}

static inline struct slice slice_text(const char *text) {
    return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool slice_is(struct slice a, const char *text) {
    return slice_equal(a, slice_text(text));
}

bool slice_equal_nocase(struct slice a, struct slice b); /* ASCII letters only */
bool slice_is_nocase(struct slice a, const char *text);
bool slice_starts_with(struct slice a, const char *prefix);
int  slice_compare(struct slice a, struct slice b); /* memcmp, then the shorter first */

/* Cuts `*rest` at the first `separator`: `*part` is what stood before it, `*rest` what follows. False: `*rest` was
 * used up (after its last part `*rest` has a NULL data pointer). An empty slice has one empty part. */
bool slice_split(struct slice *rest, char separator, struct slice *part);
struct slice slice_trim(struct slice a); /* without blanks, tabs, CR and LF at both ends */

/* The slice as a C string of at most size - 1 bytes, with ? for control characters: for what others said and people
 * read. */
void slice_print_plain(struct slice a, char *out, size_t size);

/* Text of a slice as a C string; gives: mem_free(). */
char *slice_to_text(struct slice a);

/* A growing byte string. `{0}` is a valid empty one. */
struct bytes {
    char  *data; /* NULL until something was added */
    size_t size;
    size_t capacity; /* without the terminating zero */
};

void bytes_fini(struct bytes *bytes);
void bytes_clear(struct bytes *bytes);                    /* keeps the memory */
void bytes_reserve(struct bytes *bytes, size_t more);     /* room for `more` beyond size */
void bytes_add(struct bytes *bytes, const void *data, size_t size);
void bytes_add_char(struct bytes *bytes, char c);
void bytes_add_printf(struct bytes *bytes, const char *format, ...) PRINTF_LIKE(2, 3);
void bytes_add_vprintf(struct bytes *bytes, const char *format, va_list args);
void bytes_drop_front(struct bytes *bytes, size_t size);  /* size <= bytes->size */
/* "a\x00\n" with quotes, as the field's tools print binary text (sdscatrepr's format). */
void bytes_add_quoted(struct bytes *bytes, struct slice text);
const char *bytes_text(const struct bytes *bytes);        /* "" when empty */

static inline void bytes_add_slice(struct bytes *bytes, struct slice slice) {
    bytes_add(bytes, slice.data, slice.size);
}

static inline void bytes_add_text(struct bytes *bytes, const char *text) {
    bytes_add(bytes, text, strlen(text));
}

static inline struct slice bytes_slice(const struct bytes *bytes) {
    return (struct slice){bytes->data, bytes->size};
}
