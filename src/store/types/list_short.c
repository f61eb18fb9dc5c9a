#include "store/types/list_short.h"
#include "base/mem.h"

struct list_short {
    uint16_t head; /* count << 10 | bytes in use */
    uint8_t  entries[];
};

enum { BYTES_BITS = 10 };

static void set_head(struct list_short *list, size_t count, size_t bytes) {
    CHECK(count <= LIST_SHORT_MAX_COUNT);
    CHECK(bytes <= LIST_SHORT_MAX_BYTES);
    list->head = (uint16_t)(count << BYTES_BITS | bytes);
}

size_t list_short_count(const struct list_short *list) {
    return list->head >> BYTES_BITS;
}

size_t list_short_size(const struct list_short *list) {
    return list->head & ((1u << BYTES_BITS) - 1);
}

struct list_short *list_short_new(size_t bytes) {
    struct list_short *list = mem_alloc(LIST_SHORT_OVERHEAD + bytes);
    set_head(list, 0, LIST_SHORT_OVERHEAD);
    return list;
}

struct list_short *list_short_copy(const struct list_short *list) {
    size_t size = list_short_size(list);
    struct list_short *copy = mem_alloc(size);
    memcpy(copy, list, size);
    return copy;
}

/* ---- walking ---- */

static const struct listpack_entry *entry_at(const struct list_short *list, size_t offset) {
    return (const struct listpack_entry *)(const void *)((const uint8_t *)list + offset);
}

static size_t offset_of(const struct list_short *list, const struct listpack_entry *entry) {
    return (size_t)((const uint8_t *)entry - (const uint8_t *)list);
}

const struct listpack_entry *list_short_next(const struct list_short *list, const struct listpack_entry *entry) {
    size_t offset = offset_of(list, entry) + listpack_bare_size(entry);
    return offset < list_short_size(list) ? entry_at(list, offset) : NULL;
}

const struct listpack_entry *list_short_at(const struct list_short *list, size_t index) {
    if (index >= list_short_count(list)) return NULL;
    size_t offset = LIST_SHORT_OVERHEAD;
    while (index--) offset += listpack_bare_size(entry_at(list, offset));
    return entry_at(list, offset);
}

const struct listpack_entry *list_short_previous(const struct list_short *list, const struct listpack_entry *entry) {
    size_t until = offset_of(list, entry), before = 0;
    for (size_t offset = LIST_SHORT_OVERHEAD; offset < until; offset += listpack_bare_size(entry_at(list, offset)))
        before = offset;
    return before ? entry_at(list, before) : NULL;
}

/* ---- edits ---- */

bool list_short_has_room(const struct list_short *list, size_t count, size_t bytes) {
    return list_short_count(list) + count <= LIST_SHORT_MAX_COUNT &&
           bytes <= LIST_SHORT_MAX_BYTES - list_short_size(list);
}

static void fit_block(struct list_short **list, size_t size) {
    size_t has = mem_size(*list);
    if (size > has || mem_good_size(size) < has) *list = mem_realloc(*list, size);
}

void list_short_reserve(struct list_short **list, size_t bytes) {
    size_t size = list_short_size(*list) + bytes;
    if (size > mem_size(*list)) *list = mem_realloc(*list, size);
}

const struct listpack_entry *list_short_edit(struct list_short **place, const struct listpack_entry *entry, size_t old,
                                             const struct listpack_form *form) {
    struct list_short *list = *place;
    size_t size = list_short_size(list), at = entry ? offset_of(list, entry) : size, end = at, removed = 0;
    for (; removed < old && end < size; removed++) end += listpack_bare_size(entry_at(list, end));
    size_t put = form ? form->length : 0, new_size = size - (end - at) + put;
    size_t count = list_short_count(list) - removed + (form != NULL);
    if (new_size > size) fit_block(place, new_size);
    list = *place;
    uint8_t *bytes = (uint8_t *)list;
    memmove(bytes + at + put, bytes + end, size - end);
    if (form) listpack_put_bare(bytes + at, form);
    set_head(list, count, new_size);
    if (new_size < size) fit_block(place, new_size);
    return at < new_size ? entry_at(*place, at) : NULL;
}
