#include "store/types/hash_short.h"
#include "base/listpack.h"

enum { TEXT_BITS = 5, LONG_FIELD = 7, LONG_TEXT = 23, TEXT_MASK = (1 << TEXT_BITS) - 1, HEAD_MAX = 3 };

/* The sizes of a pair's parts. */
struct parts {
    size_t head, field, text;
    bool   is_number;
};

static inline struct parts parts_of(const uint8_t *at) {
    struct parts parts = {.head = 1, .field = *at >> TEXT_BITS, .text = *at & TEXT_MASK};
    if (UNLIKELY(parts.field == LONG_FIELD)) parts.field = at[parts.head++];
    if (UNLIKELY(parts.text == LONG_TEXT)) {
        parts.text = at[parts.head++];
    } else if (parts.text > LONG_TEXT) {
        parts.text -= LONG_TEXT;
        parts.is_number = true;
    }
    return parts;
}

static inline size_t size_of(const struct parts *parts) {
    return parts->head + parts->field + parts->text;
}

static const uint8_t *bytes_of(struct slice hash) {
    return (const uint8_t *)hash.data;
}

static uint8_t *room_of(const struct slice *hash) {
    return (uint8_t *)(uintptr_t)hash->data;
}

struct slice hash_short_init(char *room) {
    *room = 0;
    return slice_make(room, HASH_SHORT_EMPTY_BYTES);
}

size_t hash_short_count(struct slice hash) {
    return *bytes_of(hash);
}

/* ---- reading ---- */

size_t hash_short_first(struct slice hash) {
    return hash.size > HASH_SHORT_EMPTY_BYTES ? HASH_SHORT_EMPTY_BYTES : 0;
}

size_t hash_short_at(struct slice hash, size_t index) {
    if (index >= hash_short_count(hash)) return 0;
    size_t at = HASH_SHORT_EMPTY_BYTES;
    while (index--) {
        struct parts parts = parts_of(bytes_of(hash) + at);
        at += size_of(&parts);
    }
    return at;
}

size_t hash_short_find(struct slice hash, struct slice field) {
    const uint8_t *start = bytes_of(hash), *end = start + hash.size;
    for (const uint8_t *at = start + HASH_SHORT_EMPTY_BYTES; at < end;) {
        struct parts parts = parts_of(at);
        if (parts.field == field.size && slice_equal(slice_make(at + parts.head, parts.field), field))
            return (size_t)(at - start);
        at += size_of(&parts);
    }
    return 0;
}

static int64_t number_at(const uint8_t *at, size_t size) {
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++) number |= (uint64_t)at[i] << (8 * i);
    unsigned unused = 64 - 8 * (unsigned)size;
    return (int64_t)(number << unused) >> unused;
}

size_t hash_short_get(struct slice hash, size_t pair, struct slice *field, struct slice *text, char *buffer) {
    const uint8_t *at = bytes_of(hash) + pair;
    struct parts parts = parts_of(at);
    *field = slice_make(at + parts.head, parts.field);
    *text = slice_make(at + parts.head + parts.field, parts.text);
    if (parts.is_number)
        *text = slice_make(buffer, number_print_int(buffer, number_at((const uint8_t *)text->data, parts.text)));
    pair += size_of(&parts);
    return pair < hash.size ? pair : 0;
}

/* ---- editing ---- */

/* A pair that is yet to be put somewhere. */
struct form {
    uint8_t     head[HEAD_MAX], number[8];
    size_t      head_size, text_size;
    const void *text;
};

/* The bytes that hold the number: its sign is that of the highest. */
static size_t number_size(int64_t number) {
    uint64_t magnitude = (uint64_t)(number ^ (number >> 63));
    return magnitude ? (size_t)(64 - __builtin_clzll(magnitude)) / 8 + 1 : 1;
}

static bool make_form(struct form *form, struct slice field, struct slice text) {
    int64_t number;
    if (field.size > HASH_SHORT_MAX_TEXT || text.size > HASH_SHORT_MAX_TEXT) return false;
    form->head_size = 1;
    form->head[0] = (uint8_t)(MIN(field.size, (size_t)LONG_FIELD) << TEXT_BITS);
    if (field.size >= LONG_FIELD) form->head[form->head_size++] = (uint8_t)field.size;
    form->text = text.data;
    form->text_size = text.size;
    if (text.size > 1 && text.size <= 20 && number_parse_int(text, &number) && number_size(number) < text.size) {
        form->text_size = number_size(number);
        for (size_t i = 0; i < form->text_size; i++) form->number[i] = (uint8_t)((uint64_t)number >> (8 * i));
        form->text = form->number;
        form->head[0] |= (uint8_t)(LONG_TEXT + form->text_size);
    } else {
        form->head[0] |= (uint8_t)MIN(text.size, (size_t)LONG_TEXT);
        if (text.size >= LONG_TEXT) form->head[form->head_size++] = (uint8_t)text.size;
    }
    return true;
}

bool hash_short_put(struct slice *hash, size_t pair, struct slice field, struct slice text) {
    struct form form;
    size_t      at = pair ? pair : hash->size, old = 0;
    uint8_t    *bytes = room_of(hash);
    if (!make_form(&form, field, text)) return false;
    if (pair) {
        struct parts parts = parts_of(bytes + pair);
        old = size_of(&parts);
    } else if (*bytes == HASH_SHORT_MAX_PAIRS) {
        return false;
    }
    size_t made = form.head_size + field.size + form.text_size, size = hash->size - old + made;
    if (size > HASH_SHORT_MAX_BYTES) return false;
    if (pair && made != old) memmove(bytes + at + made, bytes + at + old, hash->size - at - old);
    memcpy(bytes + at, form.head, form.head_size);
    if (field.size) memcpy(bytes + at + form.head_size, field.data, field.size);
    if (form.text_size) memcpy(bytes + at + form.head_size + field.size, form.text, form.text_size);
    hash->size = size;
    if (!pair) ++*bytes;
    return true;
}

void hash_short_remove(struct slice *hash, size_t pair) {
    uint8_t     *bytes = room_of(hash);
    struct parts parts = parts_of(bytes + pair);
    size_t       end = pair + size_of(&parts);
    memmove(bytes + pair, bytes + end, hash->size - end);
    hash->size -= end - pair;
    --*bytes;
}

/* ---- listpacks ---- */

struct listpack *hash_short_to_listpack(struct slice hash) {
    enum { MORE_MAX = 8 }; /* bytes that a pair takes more there, at most */
    struct listpack *listpack = listpack_new_sized(LISTPACK_OVERHEAD + hash.size + MORE_MAX * hash_short_count(hash));
    struct listpack_form form;
    struct slice field, text;
    char buffer[NUMBER_TEXT_SIZE];
    for (size_t pair = hash_short_first(hash); pair;) {
        pair = hash_short_get(hash, pair, &field, &text, buffer);
        listpack_form_of(&form, field);
        listpack_put_last(listpack, &form);
        listpack_form_of(&form, text);
        listpack_put_last(listpack, &form);
    }
    return listpack;
}

bool hash_short_from_listpack(struct slice *hash, char *room, const struct listpack *listpack) {
    char field_buffer[NUMBER_TEXT_SIZE], text_buffer[NUMBER_TEXT_SIZE];
    *hash = hash_short_init(room);
    for (const struct listpack_entry *entry = listpack_first(listpack); entry;) {
        struct slice field = listpack_text(entry, field_buffer);
        entry = listpack_next(listpack, entry);
        if (!hash_short_put(hash, 0, field, listpack_text(entry, text_buffer))) return false;
        entry = listpack_next(listpack, entry);
    }
    return true;
}
