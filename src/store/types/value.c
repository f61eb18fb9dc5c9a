#include "store/types/value.h"
#include "base/number.h"
#include "store/types/str.h"

static const char *const type_names[VALUE_TYPE_COUNT] = {
    [VALUE_STRING] = "string", [VALUE_LIST] = "list", [VALUE_SET] = "set",
    [VALUE_ZSET] = "zset",     [VALUE_HASH] = "hash", [VALUE_STREAM] = "stream",
};

static const char *const encoding_names[VALUE_ENCODING_COUNT] = {
    [VALUE_INT] = "int",           [VALUE_EMBSTR] = "embstr",       [VALUE_RAW] = "raw",
    [VALUE_LISTPACK] = "listpack", [VALUE_INTSET] = "intset",       [VALUE_HASHTABLE] = "hashtable",
    [VALUE_QUICKLIST] = "quicklist", [VALUE_SKIPLIST] = "skiplist", [VALUE_RADIX] = "stream",
};

const char *value_type_name(enum value_type type) {
    CHECK(type < VALUE_TYPE_COUNT);
    return type_names[type];
}

const char *value_encoding_name(enum value_encoding encoding) {
    CHECK(encoding < VALUE_ENCODING_COUNT);
    return encoding_names[encoding];
}

static struct value text_value(struct slice text, enum value_encoding encoding) {
    struct value value = {.type = VALUE_STRING, .encoding = (uint8_t)encoding};
    if (text.size <= VALUE_INLINE_MAX) {
        value.form = VALUE_TEXT;
        value.text = text;
    } else {
        value.form = VALUE_OBJECT;
        value.object = str_new(text);
    }
    return value;
}

struct value value_of_plain_text(struct slice text) {
    return text_value(text, text.size <= VALUE_EMBSTR_MAX ? VALUE_EMBSTR : VALUE_RAW);
}

struct value value_of_text(struct slice text) {
    int64_t number;
    if (text.size <= 20 && number_parse_int(text, &number)) return value_of_int(number);
    return value_of_plain_text(text);
}

struct value value_of_raw_text(struct slice text) {
    return text_value(text, VALUE_RAW);
}

/* Only strings have objects so far. Each type adds its arm. */
void value_free_object(enum value_type type, enum value_encoding encoding, void *object) {
    CHECK(type == VALUE_STRING);
    CHECK(encoding == VALUE_RAW);
    str_release(object);
}

size_t value_free_effort(enum value_type type, enum value_encoding encoding, const void *object) {
    CHECK(type == VALUE_STRING);
    CHECK(encoding == VALUE_RAW);
    /* Giving back a block of this size costs about as much as many small ones: the kernel must take its pages. */
    return str_text(object).size >= STR_LARGE_BYTES ? str_text(object).size / 4096 : 1;
}

size_t value_object_memory(enum value_type type, enum value_encoding encoding, const void *object) {
    CHECK(type == VALUE_STRING);
    CHECK(encoding == VALUE_RAW);
    return str_memory(object);
}

void *value_copy_object(enum value_type type, enum value_encoding encoding, const void *object) {
    CHECK(type == VALUE_STRING);
    CHECK(encoding == VALUE_RAW);
    return str_new(str_text(object));
}
