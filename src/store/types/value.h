/* What a value is: its type, how it is encoded, and the one or two words that stand for it in a key's record.
 *
 * A `struct value` is passed around by value. Integers and short texts live in the record itself; everything else is an
 * object on the heap that the record points to.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

enum value_type {
    VALUE_STRING,
    VALUE_LIST,
    VALUE_SET,
    VALUE_ZSET,
    VALUE_HASH,
    VALUE_STREAM,
    VALUE_TYPE_COUNT
};

enum value_encoding {
    VALUE_INT,    /* a string that is the text of a number */
    VALUE_EMBSTR, /* a string of at most 44 bytes that was never edited; in the record */
    VALUE_RAW,    /* any other string; in the record when it is short */
    VALUE_LISTPACK,
    VALUE_INTSET,
    VALUE_HASHTABLE,
    VALUE_QUICKLIST,
    VALUE_SKIPLIST,
    VALUE_RADIX, /* streams */
    VALUE_LISTPACKEX, /* a hash whose fields have deadlines */
    VALUE_SHORT, /* a small hash that is a text (hash_short.h) in the record; shown as "listpack" */
    VALUE_ENCODING_COUNT
};

enum {
    VALUE_EMBSTR_MAX = 44,
    VALUE_INLINE_MAX = 1024 /* longer strings are a `struct str` of their own, whose bytes can be sent without a copy */
};

enum value_form { VALUE_NUMBER, VALUE_TEXT, VALUE_OBJECT };

struct value {
    uint8_t type;     /* enum value_type */
    uint8_t encoding; /* enum value_encoding */
    uint8_t form;     /* enum value_form: which of the following holds */
    union {
        int64_t      number;
        struct slice text;   /* at most VALUE_INLINE_MAX bytes; borrowed, copied into the record */
        void        *object; /* moves into the record */
    };
};

/* The string value of `text` in the form it is stored in: an integer where the text is one (and reads back the same),
 * else text, else a new `struct str`. The text is borrowed until the value is stored. */
struct value value_of_text(struct slice text);
/* The same without looking for an integer (INCRBYFLOAT's result stays a text). */
struct value value_of_plain_text(struct slice text);
/* A text that was edited: never an integer and never "embstr". */
struct value value_of_raw_text(struct slice text);

static inline struct value value_of_int(int64_t number) {
    return (struct value){.type = VALUE_STRING, .encoding = VALUE_INT, .form = VALUE_NUMBER, .number = number};
}

const char *value_type_name(enum value_type type);             /* "string": TYPE's answer */
const char *value_encoding_name(enum value_encoding encoding); /* "int" */
/* OBJECT ENCODING's answer: every list is a "quicklist", as in Redis 7.0. */
const char *value_shown_encoding(enum value_type type, enum value_encoding encoding);

/* The object of a value of this type: freed, how many allocations that will be (to decide who does it), its bytes. */
void   value_free_object(enum value_type type, enum value_encoding encoding, void *object);
size_t value_free_effort(enum value_type type, enum value_encoding encoding, const void *object);
size_t value_object_memory(enum value_type type, enum value_encoding encoding, const void *object);
/* Moves what lies scattered of the object (mem_defrag()): a bounded piece from `*cursor` on (0: from the beginning), which is
 * moved on; 0 again: that was all. Adds to `*moved` and `*left` the blocks that were moved and left. Takes the object, gives the
 * one that replaces it. */
void *value_defrag_object(enum value_type type, enum value_encoding encoding, void *object, uint64_t *cursor, size_t *moved,
                          size_t *left);
/* A copy of the object that shares nothing that either side could change. */
void *value_copy_object(enum value_type type, enum value_encoding encoding, const void *object);
