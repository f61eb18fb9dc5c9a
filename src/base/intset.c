#include "base/intset.h"
#include "base/mem.h"

#include <endian.h>
#include <stddef.h>

struct intset {
    int64_t  base; /* not more than the least number */
    uint32_t count;
    uint8_t  width;
    uint8_t  distances[];
};

static size_t size_for(size_t width, size_t count) {
    return offsetof(struct intset, distances) + width * count;
}

/* ---- distances ---- */

static uint64_t distance(int64_t from, int64_t to) {
    return (uint64_t)to - (uint64_t)from;
}

static uint8_t width_for(uint64_t distance) {
    if (distance <= UINT8_MAX) return 1;
    if (distance <= UINT16_MAX) return 2;
    return distance <= UINT32_MAX ? 4 : 8;
}

static uint64_t widest(uint8_t width) {
    return UINT64_MAX >> (64 - 8 * width);
}

static inline uint64_t load(const uint8_t *distances, uint8_t width, size_t place) {
    const uint8_t *at = distances + place * width;
    uint16_t       two;
    uint32_t       four;
    uint64_t       eight;
    switch (width) {
    case 1: return *at;
    case 2: memcpy(&two, at, sizeof two); return two;
    case 4: memcpy(&four, at, sizeof four); return four;
    default: memcpy(&eight, at, sizeof eight); return eight;
    }
}

/* The low bytes of a wider number are the narrower one: base/hash.c asserts a little-endian machine. */
static void store(uint8_t *distances, uint8_t width, size_t place, uint64_t distance) {
    memcpy(distances + place * width, &distance, width);
}

/* ---- the set ---- */

struct intset *intset_new(void) {
    struct intset *set = mem_alloc(size_for(0, 0));
    set->base = 0;
    set->count = 0;
    set->width = 1;
    return set;
}

struct intset *intset_copy(const struct intset *set) {
    size_t         size = size_for(set->width, set->count);
    struct intset *copy = mem_alloc(size);
    memcpy(copy, set, size);
    return copy;
}

size_t intset_count(const struct intset *set) {
    return set->count;
}

static int64_t number_at(const struct intset *set, size_t place) {
    return (int64_t)((uint64_t)set->base + load(set->distances, set->width, place));
}

int64_t intset_at(const struct intset *set, size_t place) {
    CHECK(place < set->count);
    return number_at(set, place);
}

/* ---- the established form ---- */

enum { DUMP_HEAD = 8 };

static size_t dump_width(int64_t number) {
    if (number >= INT16_MIN && number <= INT16_MAX) return 2;
    return number >= INT32_MIN && number <= INT32_MAX ? 4 : 8;
}

static int64_t dump_at(const uint8_t *numbers, size_t width, size_t place) {
    uint64_t value = 0;
    memcpy(&value, numbers + place * width, width);
    unsigned unused = 64 - 8 * (unsigned)width;
    return (int64_t)(le64toh(value) << unused) >> unused;
}

void intset_dump(const struct intset *set, struct bytes *out) {
    size_t width = 2, count = set->count;
    if (count) width = MAX(dump_width(number_at(set, 0)), dump_width(number_at(set, count - 1)));
    uint32_t head[2] = {htole32((uint32_t)width), htole32((uint32_t)count)};
    bytes_reserve(out, sizeof head + width * count);
    bytes_add(out, head, sizeof head);
    for (size_t i = 0; i < count; i++) {
        uint64_t number = htole64((uint64_t)number_at(set, i));
        bytes_add(out, &number, width);
    }
}

bool intset_is_valid(struct slice bytes) {
    uint32_t head[2];
    if (bytes.size < DUMP_HEAD) return false;
    memcpy(head, bytes.data, sizeof head);
    size_t width = le32toh(head[0]), count = le32toh(head[1]);
    if (width != 2 && width != 4 && width != 8) return false;
    if ((bytes.size - DUMP_HEAD) % width || (bytes.size - DUMP_HEAD) / width != count) return false;
    const uint8_t *numbers = (const uint8_t *)bytes.data + DUMP_HEAD;
    for (size_t i = 1; i < count; i++)
        if (dump_at(numbers, width, i - 1) >= dump_at(numbers, width, i)) return false;
    return true;
}

struct intset *intset_from_bytes(struct slice bytes) {
    if (!intset_is_valid(bytes)) return NULL;
    uint32_t head[2];
    memcpy(head, bytes.data, sizeof head);
    size_t         from = le32toh(head[0]), count = le32toh(head[1]);
    const uint8_t *numbers = (const uint8_t *)bytes.data + DUMP_HEAD;
    int64_t        base = count ? dump_at(numbers, from, 0) : 0;
    uint8_t        width = count ? width_for(distance(base, dump_at(numbers, from, count - 1))) : 1;
    struct intset *set = mem_alloc(size_for(width, count));
    set->base = base;
    set->count = (uint32_t)count;
    set->width = width;
    for (size_t i = 0; i < count; i++) store(set->distances, width, i, distance(base, dump_at(numbers, from, i)));
    return set;
}

/* ---- searches and edits ---- */

size_t intset_place(const struct intset *set, int64_t number) {
    if (number < set->base) return 0;
    uint64_t wanted = distance(set->base, number);
    size_t   low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (load(set->distances, set->width, middle) < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct intset *set, size_t place, int64_t number) {
    return place < set->count && number_at(set, place) == number;
}

bool intset_has(const struct intset *set, int64_t number) {
    return is_at(set, intset_place(set, number), number);
}

/* Another base and width, so that `number` can be added. Below the least number as much is left free as above the
 * greatest, so that descending numbers do not need a new base each. */
static struct intset *rebase(struct intset *set, int64_t number) {
    size_t   count = set->count;
    int64_t  least = count ? MIN(number, number_at(set, 0)) : number;
    int64_t  greatest = count ? MAX(number, number_at(set, count - 1)) : number;
    uint8_t  width = width_for(distance(least, greatest));
    uint64_t free_below = count && number == least ? (widest(width) - distance(least, greatest)) / 2 : 0;
    int64_t  base = (int64_t)((uint64_t)least - MIN(free_below, distance(INT64_MIN, least)));
    struct intset *made = mem_alloc(size_for(width, count + 1));
    made->base = base;
    made->count = (uint32_t)count;
    made->width = width;
    for (size_t i = 0; i < count; i++) store(made->distances, width, i, distance(base, number_at(set, i)));
    mem_free(set);
    return made;
}

bool intset_add(struct intset **place, int64_t number) {
    struct intset *set = *place;
    size_t         count = set->count, at = intset_place(set, number);
    CHECK(count < UINT32_MAX);
    if (is_at(set, at, number)) return false;
    if (number < set->base || distance(set->base, number) > widest(set->width) || count == 0)
        set = rebase(set, number);
    else
        set = mem_realloc(set, size_for(set->width, count + 1));
    uint8_t width = set->width;
    memmove(set->distances + (at + 1) * width, set->distances + at * width, (count - at) * width);
    store(set->distances, width, at, distance(set->base, number));
    set->count++;
    *place = set;
    return true;
}

bool intset_remove(struct intset **place, int64_t number) {
    struct intset *set = *place;
    size_t         count = set->count, at = intset_place(set, number), width = set->width;
    if (!is_at(set, at, number)) return false;
    memmove(set->distances + at * width, set->distances + (at + 1) * width, (count - at - 1) * width);
    set->count--;
    *place = mem_realloc(set, size_for(width, count - 1));
    return true;
}
