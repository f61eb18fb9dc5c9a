#include "store/keyspace/record.h"
#include "base/mem.h"
#include "store/types/str.h"

/* Sizes are rounded up to the allocator's classes (16 apart up to 128, then four to each doubling), so that a value that
 * is replaced by one of similar size stays where it is. Only a hint for the allocator, but binding for us (R1). */
static size_t block_size(size_t size) {
    if (size <= 128) return (size + 15) & ~(size_t)15;
    unsigned shift = 61u - (unsigned)__builtin_clzll((unsigned long long)(size - 1));
    size_t step = (size_t)1 << shift;
    return (size + step - 1) & ~(step - 1);
}

static size_t payload_size(const struct value *value) {
    return value->form == VALUE_TEXT ? value->text.size : 8;
}

static size_t layout_size(unsigned flags, size_t key_size, size_t payload) {
    return RECORD_HEADER_BYTES + record_key_offset(flags) + key_size + payload;
}

static size_t layout_of(const struct record *record) {
    size_t payload = record->flags & RECORD_TEXT ? record->inline_size : 8;
    return layout_size(record->flags, record_key(record).size, payload);
}

static void put_expires(struct record *record, int64_t expires_ms) {
    if (record->flags & RECORD_EXPIRES) memcpy(record->rest, &expires_ms, sizeof expires_ms);
}

static void put_value(struct record *record, const struct value *value) {
    record->kind = (uint8_t)(value->type | value->encoding << 4);
    record->flags &= (uint8_t)~(RECORD_TEXT | RECORD_NUMBER);
    char *at = (char *)record_payload(record);
    switch ((enum value_form)value->form) {
    case VALUE_TEXT:
        CHECK(value->text.size <= UINT16_MAX);
        record->flags |= RECORD_TEXT;
        record->inline_size = (uint16_t)value->text.size;
        if (value->text.size) memcpy(at, value->text.data, value->text.size);
        break;
    case VALUE_NUMBER:
        record->flags |= RECORD_NUMBER;
        record->inline_size = 0;
        memcpy(at, &value->number, sizeof value->number);
        break;
    case VALUE_OBJECT:
        record->inline_size = 0;
        memcpy(at, &value->object, sizeof value->object);
        break;
    }
}

struct record *record_new(struct slice key, const struct value *value, int64_t expires_ms) {
    unsigned flags = expires_ms == RECORD_NEVER ? 0 : RECORD_EXPIRES;
    if (key.size > RECORD_SHORT_KEY_MAX) flags |= RECORD_LONG_KEY;
    struct record *record = mem_alloc(block_size(layout_size(flags, key.size, payload_size(value))));
    record->flags = (uint8_t)flags;
    record->access = 0;
    record->key_size = (uint8_t)(flags & RECORD_LONG_KEY ? 255 : key.size);
    put_expires(record, expires_ms);
    if (flags & RECORD_LONG_KEY) {
        uint32_t size = (uint32_t)key.size;
        memcpy(record->rest + ((flags & RECORD_EXPIRES) << 3), &size, sizeof size);
    }
    if (key.size) memcpy(record->rest + record_key_offset(flags), key.data, key.size);
    put_value(record, value);
    return record;
}

struct record *record_assign(struct record *record, const struct value *value, int64_t expires_ms) {
    unsigned wanted = expires_ms == RECORD_NEVER ? 0 : RECORD_EXPIRES;
    struct slice key = record_key(record);
    if ((record->flags & RECORD_EXPIRES) == wanted) {
        size_t size = block_size(layout_size(record->flags, key.size, payload_size(value)));
        if (size != block_size(layout_of(record))) record = mem_realloc(record, size);
        put_expires(record, expires_ms);
        put_value(record, value);
        return record;
    }
    struct record *made = record_new(key, value, expires_ms);
    made->access = record->access;
    if (wanted) made->flags |= record->flags & (RECORD_HAS_TIMER | RECORD_TIMER_ODD);
    mem_free(record);
    return made;
}

struct record *record_set_expires(struct record *record, int64_t expires_ms) {
    bool wanted = expires_ms != RECORD_NEVER;
    if (wanted == ((record->flags & RECORD_EXPIRES) != 0)) {
        put_expires(record, expires_ms);
        return record;
    }
    struct value value = record_value(record);
    return record_assign(record, &value, expires_ms);
}

struct record *record_resize_text(struct record *record, size_t size) {
    CHECK(record->flags & RECORD_TEXT);
    CHECK(size <= UINT16_MAX);
    size_t old = record->inline_size;
    size_t wanted = block_size(layout_size(record->flags, record_key(record).size, size));
    if (wanted != block_size(layout_of(record))) record = mem_realloc(record, wanted);
    record->inline_size = (uint16_t)size;
    record->kind = (uint8_t)(VALUE_STRING | VALUE_RAW << 4);
    if (size > old) memset((char *)record_payload(record) + old, 0, size - old);
    return record;
}

void record_free(struct record *record) {
    mem_free(record);
}

void record_free_object(struct record *record) {
    void *object = record_object(record);
    if (object) value_free_object(record_type(record), record_encoding(record), object);
}

struct slice record_text(const struct record *record, char *buffer) {
    const char *payload = record_payload(record);
    if (LIKELY(record->flags & RECORD_TEXT)) return slice_make(payload, record->inline_size);
    if (record->flags & RECORD_NUMBER) return slice_make(buffer, number_print_int(buffer, record_number(record)));
    return str_text(record_object(record));
}

size_t record_text_size(const struct record *record) {
    char buffer[NUMBER_TEXT_SIZE];
    return record_text(record, buffer).size;
}

struct value record_value(const struct record *record) {
    struct value value = {.type = (uint8_t)record_type(record), .encoding = (uint8_t)record_encoding(record)};
    if (record->flags & RECORD_TEXT) {
        value.form = VALUE_TEXT;
        value.text = slice_make(record_payload(record), record->inline_size);
    } else if (record->flags & RECORD_NUMBER) {
        value.form = VALUE_NUMBER;
        value.number = record_number(record);
    } else {
        value.form = VALUE_OBJECT;
        value.object = record_object(record);
    }
    return value;
}

size_t record_memory(const struct record *record) {
    void *object = record_object(record);
    return mem_size(record) + (object ? value_object_memory(record_type(record), record_encoding(record), object) : 0);
}
