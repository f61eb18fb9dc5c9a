#include "store/types/value.h"
#include "base/intset.h"
#include "base/listpack.h"
#include "base/mem.h"
#include "base/number.h"
#include "store/types/hash_fields.h"
#include "store/types/hash_value.h"
#include "store/types/list_chain.h"
#include "store/types/list_value.h"
#include "store/types/member_table.h"
#include "store/types/set_value.h"
#include "store/types/str.h"
#include "store/types/zset_value.h"
#include "store/types/stream.h"

static const char *const type_names[VALUE_TYPE_COUNT] = {
    [VALUE_STRING] = "string", [VALUE_LIST] = "list", [VALUE_SET] = "set",
    [VALUE_ZSET] = "zset",     [VALUE_HASH] = "hash", [VALUE_STREAM] = "stream",
};

static const char *const encoding_names[VALUE_ENCODING_COUNT] = {
    [VALUE_INT] = "int",           [VALUE_EMBSTR] = "embstr",       [VALUE_RAW] = "raw",
    [VALUE_LISTPACK] = "listpack", [VALUE_INTSET] = "intset",       [VALUE_HASHTABLE] = "hashtable",
    [VALUE_QUICKLIST] = "quicklist", [VALUE_SKIPLIST] = "skiplist", [VALUE_RADIX] = "stream",
    [VALUE_LISTPACKEX] = "listpackex",   [VALUE_SHORT] = "listpack",
};

const char *value_type_name(enum value_type type) {
    CHECK(type < VALUE_TYPE_COUNT);
    return type_names[type];
}

const char *value_shown_encoding(enum value_type type, enum value_encoding encoding) {
    return value_encoding_name(type == VALUE_LIST ? VALUE_QUICKLIST : encoding);
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

/* ---- objects: what each form can do ---- */

/* How an object of one type and encoding is handled. A new form is a new row below. */
struct object_form {
    void (*free)(void *object);
    size_t (*effort)(const void *object); /* allocations; NULL: one */
    size_t (*memory)(const void *object);
    void *(*copy)(const void *object);
    /* As value_defrag_object(). NULL: it is one block. */
    void *(*defrag)(void *object, uint64_t *cursor, size_t *moved, size_t *left);
};

static void free_str(void *object) {
    str_release(object);
}

static size_t str_effort(const void *object) {
    /* Giving back a block of this size costs about as much as many small ones: the kernel must take its pages. */
    size_t size = str_text(object).size;
    return size >= STR_LARGE_BYTES ? size / 4096 : 1;
}

static size_t str_bytes(const void *object) {
    return str_memory(object);
}

static void *copy_str(const void *object) {
    return str_new(str_text(object));
}

static void *copy_listpack(const void *object) {
    return listpack_copy(object);
}

static void *copy_intset(const void *object) {
    return intset_copy(object);
}

/* A text that is being sent must stay where it is. */
static void *defrag_str(void *object, uint64_t *cursor, size_t *moved, size_t *left) {
    *cursor = 0;
    void *copy = str_is_shared(object) ? NULL : mem_defrag(object);
    *(copy ? moved : left) += 1;
    return copy ? copy : object;
}

static void *defrag_set_table(void *object, uint64_t *cursor, size_t *moved, size_t *left) {
    member_table_defrag(object, cursor, moved, left);
    return object;
}

static void *defrag_list_chain(void *object, uint64_t *cursor, size_t *moved, size_t *left) {
    list_chain_defrag(object, cursor, moved, left);
    return object;
}

static void *defrag_hash_table(void *object, uint64_t *cursor, size_t *moved, size_t *left) {
    hash_fields_defrag(object, cursor, moved, left);
    return object;
}

#define LISTPACK_FORM {.free = mem_free, .memory = mem_size, .copy = copy_listpack}
#define INTSET_FORM {.free = mem_free, .memory = mem_size, .copy = copy_intset}

static const struct object_form forms[VALUE_TYPE_COUNT][VALUE_ENCODING_COUNT] = {
    [VALUE_STRING][VALUE_RAW] = {.free = free_str, .effort = str_effort, .memory = str_bytes, .copy = copy_str,
                                  .defrag = defrag_str},
    [VALUE_LIST][VALUE_LISTPACK] = {.free = mem_free, .memory = mem_size, .copy = list_value_copy_short},
    [VALUE_LIST][VALUE_QUICKLIST] = {.free = list_value_free_chain,
                                     .effort = list_value_chain_effort,
                                     .memory = list_value_chain_memory,
                                     .copy = list_value_copy_chain,
                                     .defrag = defrag_list_chain},
    [VALUE_HASH][VALUE_LISTPACK] = LISTPACK_FORM,
    [VALUE_HASH][VALUE_LISTPACKEX] = {.free = hash_value_free_packed_ex,
                                      .memory = hash_value_packed_ex_memory,
                                      .copy = hash_value_copy_packed_ex},
    [VALUE_HASH][VALUE_HASHTABLE] = {.free = hash_value_free_table,
                                     .effort = hash_value_table_effort,
                                     .memory = hash_value_table_memory,
                                     .copy = hash_value_copy_table,
                                     .defrag = defrag_hash_table},
    [VALUE_SET][VALUE_INTSET] = INTSET_FORM,
    [VALUE_SET][VALUE_LISTPACK] = LISTPACK_FORM,
    [VALUE_SET][VALUE_HASHTABLE] = {.free = set_value_free_table,
                                    .effort = set_value_table_effort,
                                    .memory = set_value_table_memory,
                                    .copy = set_value_copy_table,
                                    .defrag = defrag_set_table},
    [VALUE_ZSET][VALUE_LISTPACK] = {.free = mem_free, .memory = mem_size, .copy = zset_value_copy_packed},
    [VALUE_ZSET][VALUE_SKIPLIST] = {.free = zset_value_free_large,
                                    .effort = zset_value_large_effort,
                                    .memory = zset_value_large_memory,
                                    .copy = zset_value_copy_large,
                                    .defrag = zset_value_defrag_large},
    [VALUE_STREAM][VALUE_RADIX] = {.free = stream_free, .effort = stream_effort, .memory = stream_memory, .copy = stream_copy,
                                    .defrag = stream_defrag},
};

static const struct object_form *form_of(enum value_type type, enum value_encoding encoding) {
    CHECK(type < VALUE_TYPE_COUNT);
    CHECK(encoding < VALUE_ENCODING_COUNT);
    const struct object_form *form = &forms[type][encoding];
    CHECK(form->free != NULL);
    return form;
}

void value_free_object(enum value_type type, enum value_encoding encoding, void *object) {
    form_of(type, encoding)->free(object);
}

size_t value_free_effort(enum value_type type, enum value_encoding encoding, const void *object) {
    const struct object_form *form = form_of(type, encoding);
    return form->effort ? form->effort(object) : 1;
}

size_t value_object_memory(enum value_type type, enum value_encoding encoding, const void *object) {
    return form_of(type, encoding)->memory(object);
}

void *value_copy_object(enum value_type type, enum value_encoding encoding, const void *object) {
    return form_of(type, encoding)->copy(object);
}

void *value_defrag_object(enum value_type type, enum value_encoding encoding, void *object, uint64_t *cursor, size_t *moved,
                          size_t *left) {
    const struct object_form *form = form_of(type, encoding);
    if (form->defrag) return form->defrag(object, cursor, moved, left);
    *cursor = 0;
    if (form->effort) return object; /* several blocks, which stay */
    void *copy = mem_defrag(object);
    *(copy ? moved : left) += 1;
    return copy ? copy : object;
}
