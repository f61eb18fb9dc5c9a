#include "base/intset.h"
#include "base/mem.h"

#include <endian.h>

/* Fields are little-endian in the block whatever the machine is. */
struct intset {
    uint32_t width;
    uint32_t count;
    uint8_t  numbers[];
};

static size_t width_of(const struct intset *set) {
    return le32toh(set->width);
}

static size_t size_for(size_t width, size_t count) {
    return sizeof(struct intset) + width * count;
}

static size_t width_for(int64_t number) {
    if (number >= INT16_MIN && number <= INT16_MAX) return 2;
    return number >= INT32_MIN && number <= INT32_MAX ? 4 : 8;
}

static int64_t load(const uint8_t *numbers, size_t width, size_t place) {
    const uint8_t *at = numbers + place * width;
    if (width == 2) {
        uint16_t value;
        memcpy(&value, at, sizeof value);
        return (int16_t)le16toh(value);
    }
    if (width == 4) {
        uint32_t value;
        memcpy(&value, at, sizeof value);
        return (int32_t)le32toh(value);
    }
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return (int64_t)le64toh(value);
}

static void store(uint8_t *numbers, size_t width, size_t place, int64_t number) {
    /* The low bytes of a wider number are the narrower one. */
    uint64_t value = htole64((uint64_t)number);
    memcpy(numbers + place * width, &value, width);
}

struct intset *intset_new(void) {
    struct intset *set = mem_alloc(sizeof *set);
    set->width = htole32(2);
    set->count = 0;
    return set;
}

struct slice intset_bytes(const struct intset *set) {
    return slice_make(set, size_for(width_of(set), intset_count(set)));
}

static struct intset *copy_of(struct slice bytes) {
    struct intset *copy = mem_alloc(bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    return copy;
}

struct intset *intset_copy(const struct intset *set) {
    return copy_of(intset_bytes(set));
}

size_t intset_count(const struct intset *set) {
    return le32toh(set->count);
}

bool intset_is_valid(struct slice bytes) {
    uint32_t head[2];
    if (bytes.size < sizeof head) return false;
    memcpy(head, bytes.data, sizeof head);
    size_t width = le32toh(head[0]), count = le32toh(head[1]);
    if (width != 2 && width != 4 && width != 8) return false;
    if ((bytes.size - sizeof head) % width || (bytes.size - sizeof head) / width != count) return false;
    const uint8_t *numbers = (const uint8_t *)bytes.data + sizeof head;
    for (size_t i = 1; i < count; i++)
        if (load(numbers, width, i - 1) >= load(numbers, width, i)) return false;
    return true;
}

struct intset *intset_from_bytes(struct slice bytes) {
    return intset_is_valid(bytes) ? copy_of(bytes) : NULL;
}

size_t intset_place(const struct intset *set, int64_t number) {
    size_t width = width_of(set), low = 0, high = intset_count(set);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (load(set->numbers, width, middle) < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t intset_at(const struct intset *set, size_t place) {
    CHECK(place < intset_count(set));
    return load(set->numbers, width_of(set), place);
}

static bool is_at(const struct intset *set, size_t place, int64_t number) {
    return place < intset_count(set) && intset_at(set, place) == number;
}

bool intset_has(const struct intset *set, int64_t number) {
    return width_for(number) <= width_of(set) && is_at(set, intset_place(set, number), number);
}

/* Backwards, so that no number is overwritten before it was moved. */
static struct intset *widen(struct intset *set, size_t width) {
    size_t old = width_of(set), count = intset_count(set);
    set = mem_realloc(set, size_for(width, count + 1));
    for (size_t i = count; i-- > 0;) store(set->numbers, width, i, load(set->numbers, old, i));
    set->width = htole32((uint32_t)width);
    return set;
}

bool intset_add(struct intset **place, int64_t number) {
    struct intset *set = *place;
    size_t count = intset_count(set);
    CHECK(count < UINT32_MAX);
    size_t at = intset_place(set, number);
    if (is_at(set, at, number)) return false;
    if (width_for(number) > width_of(set)) {
        set = widen(set, width_for(number));
    } else {
        set = mem_realloc(set, size_for(width_of(set), count + 1));
    }
    size_t width = width_of(set);
    memmove(set->numbers + (at + 1) * width, set->numbers + at * width, (count - at) * width);
    store(set->numbers, width, at, number);
    set->count = htole32((uint32_t)count + 1);
    *place = set;
    return true;
}

bool intset_remove(struct intset **place, int64_t number) {
    struct intset *set = *place;
    size_t count = intset_count(set), at = intset_place(set, number), width = width_of(set);
    if (!is_at(set, at, number)) return false;
    memmove(set->numbers + at * width, set->numbers + (at + 1) * width, (count - at - 1) * width);
    set->count = htole32((uint32_t)count - 1);
    *place = mem_realloc(set, size_for(width, count - 1));
    return true;
}
