/* One key in one allocation: header, the time when it ends (only where set), key, and the value or a pointer to it.
 *
 *      0      1       2             4              7          8        [16]    [+4]
 *     +------+-------+-------------+--------------+----------+--------+-------+-----+----------------------------+
 *     | kind | flags | inline_size | access (24)  | key_size |expires | size  | key | text | int64 | object ptr  |
 *     +------+-------+-------------+--------------+----------+--------+-------+-----+----------------------------+
 *                                                             if set   long keys
 *
 * A 16-byte key with a 16-byte value takes 40 bytes (48 with an expiry), with an integer 32: jemalloc's classes exactly.
 * Invariants: R1 the block holds record_block_size(layout) bytes. R2 a record without an object owns nothing else.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/number.h"
#include "store/types/value.h"

enum {
    RECORD_EXPIRES = 1,   /* 8 bytes of deadline follow the header */
    RECORD_LONG_KEY = 2,  /* 4 bytes of key size follow */
    RECORD_TEXT = 4,      /* the value is `inline_size` bytes in the record */
    RECORD_NUMBER = 8,    /* the value is an int64 in the record */
    RECORD_HAS_TIMER = 16, /* the expiry index holds a place for it that is not later than its deadline */
    RECORD_TIMER_ODD = 32  /* ... the index of an odd generation (keyspace.c) */
};
enum { RECORD_NEVER = -1, RECORD_SHORT_KEY_MAX = 254, RECORD_HEADER_BYTES = 8 };

struct record { /* shown for the sake of inlining; use the functions */
    uint8_t  kind; /* type in the low 4 bits, encoding in the high 4 */
    uint8_t  flags;
    uint16_t inline_size;
    uint32_t access : 24, key_size : 8;
    char     rest[];
};

/* Takes the value's object; copies key and text. `expires_ms`: wall-clock time or RECORD_NEVER. gives: record_free() */
struct record *record_new(struct slice key, const struct value *value, int64_t expires_ms);
/* The same key with another value and expiry, in the same block where it fits. The object that `record` held is
 * the caller's from then on (record_object() before). `value->text` must not lie in the record. Takes the record, gives
 * the one that replaces it. What is known of its place in the expiry index stays only with an
 * expiry. */
struct record *record_assign(struct record *record, const struct value *value, int64_t expires_ms);
/* Only the expiry changes. Takes the record, gives the one that replaces it. */
struct record *record_set_expires(struct record *record, int64_t expires_ms);
/* Room for an inline text of `size` bytes, the old one kept and what is new zeroed; it becomes VALUE_RAW. Takes, gives. */
struct record *record_resize_text(struct record *record, size_t size);

void record_free(struct record *record); /* without its object, which record_free_object() frees */
void record_free_object(struct record *record);

/* A text of the value: lends until the record changes; `buffer` holds NUMBER_TEXT_SIZE bytes. The record is a string. */
struct slice record_text(const struct record *record, char *buffer);
/* The size of that text. */
size_t record_text_size(const struct record *record);
/* The value as it could be given to another record: an object is lent. */
struct value record_value(const struct record *record);
size_t record_memory(const struct record *record); /* bytes of the record and what it owns */

static inline size_t record_key_offset(unsigned flags) {
    return ((flags & RECORD_EXPIRES) << 3) + ((flags & RECORD_LONG_KEY) << 1);
}
static inline struct slice record_key(const struct record *record) {
    uint32_t size = record->key_size;
    if (UNLIKELY(record->flags & RECORD_LONG_KEY))
        memcpy(&size, record->rest + ((record->flags & RECORD_EXPIRES) << 3), sizeof size);
    return slice_make(record->rest + record_key_offset(record->flags), size);
}
static inline const char *record_payload(const struct record *record) {
    struct slice key = record_key(record);
    return key.data + key.size;
}
static inline enum value_type record_type(const struct record *record) {
    return (enum value_type)(record->kind & 15);
}
static inline enum value_encoding record_encoding(const struct record *record) {
    return (enum value_encoding)(record->kind >> 4);
}
static inline bool record_has_key(const struct record *record, struct slice key) {
    struct slice own = record_key(record);
    return own.size == key.size && memcmp(own.data, key.data, key.size) == 0;
}
static inline int64_t record_expires_ms(const struct record *record) { /* RECORD_NEVER: no expiry */
    if (!(record->flags & RECORD_EXPIRES)) return RECORD_NEVER;
    int64_t at;
    memcpy(&at, record->rest, sizeof at);
    return at;
}
static inline bool record_is_number(const struct record *record) {
    return (record->flags & RECORD_NUMBER) != 0;
}
static inline int64_t record_number(const struct record *record) {
    int64_t number;
    memcpy(&number, record_payload(record), sizeof number);
    return number;
}
static inline void record_set_number(struct record *record, int64_t number) { /* it is_number already */
    memcpy((char *)record_payload(record), &number, sizeof number);
}
static inline bool record_is_inline(const struct record *record) {
    return (record->flags & (RECORD_TEXT | RECORD_NUMBER)) != 0;
}
static inline void *record_object(const struct record *record) { /* NULL: the value is in the record */
    if (record_is_inline(record)) return NULL;
    void *object;
    memcpy(&object, record_payload(record), sizeof object);
    return object;
}
static inline void record_set_object(struct record *record, void *object) { /* it has one; the old one is the caller's */
    memcpy((char *)record_payload(record), &object, sizeof object);
}
/* record_value() of a record that has an object. */
static inline struct value record_object_value(const struct record *record) {
    return (struct value){.type = (uint8_t)record_type(record),
                          .encoding = (uint8_t)record_encoding(record),
                          .form = VALUE_OBJECT,
                          .object = record_object(record)};
}
/* The record has an object, which an edit made another one, perhaps of another encoding: that of `value`, whose type is
 * the same. The old one is the caller's. */
static inline void record_update_object(struct record *record, const struct value *value) {
    record->kind = (uint8_t)(value->type | value->encoding << 4);
    record_set_object(record, value->object);
}
