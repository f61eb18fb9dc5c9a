#include "store/types/stream_index.h"
#include "base/mem.h"

enum { LEAF_HEAD = 8, ITEM = sizeof(struct index_item), LEAF_BYTES_MIN = 32, LEAF_BYTES_MAX = 2048 };
enum { LEAF_MAX = (LEAF_BYTES_MAX - LEAF_HEAD) / ITEM };

struct index_leaf {
    uint16_t          first, count, capacity; /* items[first .. first + count) */
    struct index_item items[];
};
_Static_assert(sizeof(struct index_leaf) == LEAF_HEAD, "a full leaf is an allocator's class exactly");

static const struct index_place nowhere = {UINT32_MAX, 0};

/* ---- leaves ---- */

static struct index_leaf *leaf_at(const struct stream_index *index, uint32_t place) {
    return index->leaves[index->start + place];
}

static struct entry_id first_id(const struct index_leaf *leaf) {
    return leaf->items[leaf->first].id;
}

static struct index_leaf *leaf_new(size_t bytes) {
    struct index_leaf *leaf = mem_alloc(bytes);
    leaf->first = leaf->count = 0;
    leaf->capacity = (uint16_t)((bytes - LEAF_HEAD) / ITEM);
    return leaf;
}

/* Doubles its bytes. */
static struct index_leaf *leaf_grow(struct index_leaf *leaf) {
    size_t bytes = LEAF_BYTES_MIN;
    while ((bytes - LEAF_HEAD) / ITEM <= leaf->capacity) bytes *= 2;
    leaf = mem_realloc(leaf, bytes);
    leaf->capacity = (uint16_t)((bytes - LEAF_HEAD) / ITEM);
    return leaf;
}

static void leaf_compact(struct index_leaf *leaf) {
    memmove(leaf->items, leaf->items + leaf->first, leaf->count * sizeof *leaf->items);
    leaf->first = 0;
}

/* The first item that is not smaller, counted from the leaf's first. */
static unsigned position(const struct index_leaf *leaf, struct entry_id id) {
    const struct index_item *items = leaf->items + leaf->first;
    unsigned low = 0, high = leaf->count;
    if (high && entry_id_compare(items[high - 1].id, id) < 0) return high;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (entry_id_compare(items[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* There is room somewhere. */
static void leaf_insert(struct index_leaf *leaf, unsigned at, struct index_item item) {
    if (leaf->first + leaf->count == leaf->capacity) leaf_compact(leaf);
    struct index_item *place = leaf->items + leaf->first + at;
    memmove(place + 1, place, (leaf->count - at) * sizeof *place);
    *place = item;
    leaf->count++;
}

/* ---- the array of leaves ---- */

static void add_leaf(struct stream_index *index, uint32_t at, struct index_leaf *leaf) {
    if (index->start + index->leaf_count == index->capacity) {
        if (index->start > index->capacity / 2) {
            memmove(index->leaves, index->leaves + index->start, index->leaf_count * sizeof *index->leaves);
            index->start = 0;
        } else {
            index->capacity = index->capacity ? index->capacity * 2 : 1;
            index->leaves = mem_realloc(index->leaves, index->capacity * sizeof *index->leaves);
        }
    }
    struct index_leaf **place = index->leaves + index->start + at;
    memmove(place + 1, place, (index->leaf_count - at) * sizeof *place);
    *place = leaf;
    index->leaf_count++;
}

static void drop_leaf(struct stream_index *index, uint32_t at) {
    struct index_leaf **place = index->leaves + index->start + at;
    mem_free(*place);
    index->leaf_count--;
    if (index->leaf_count == 0) {
        mem_free(index->leaves);
        index->leaves = NULL;
        index->start = index->capacity = 0;
    } else if (at == 0) {
        index->start++;
    } else {
        memmove(place, place + 1, (index->leaf_count - at) * sizeof *place);
    }
}

/* The leaf that holds the id or would: the last that begins with it or before. The first where none does. */
static uint32_t leaf_of(const struct stream_index *index, struct entry_id id) {
    uint32_t low = 0, high = index->leaf_count - 1;
    if (entry_id_compare(first_id(leaf_at(index, high)), id) <= 0) return high;
    while (low < high) { /* the leaf is in [low, high) or is 0 */
        uint32_t middle = low + (high - low) / 2;
        if (entry_id_compare(first_id(leaf_at(index, middle)), id) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : 0;
}

/* ---- the whole ---- */

void stream_index_clear(struct stream_index *index, void (*free_value)(void *value)) {
    for (uint32_t i = 0; i < index->leaf_count; i++) {
        struct index_leaf *leaf = leaf_at(index, i);
        if (free_value)
            for (unsigned k = 0; k < leaf->count; k++) free_value(leaf->items[leaf->first + k].value);
        mem_free(leaf);
    }
    mem_free(index->leaves);
    *index = (struct stream_index){0};
}

size_t stream_index_leaves(const struct stream_index *index) {
    return index->leaf_count;
}

size_t stream_index_memory(const struct stream_index *index) {
    if (!index->leaf_count) return 0;
    size_t array = mem_size(index->leaves);
    /* All but the last are full size, unless ids were put between others. */
    return array + (index->leaf_count - 1) * (size_t)LEAF_BYTES_MAX + mem_size(leaf_at(index, index->leaf_count - 1));
}

void *stream_index_find(const struct stream_index *index, struct entry_id id) {
    if (!index->leaf_count) return NULL;
    const struct index_leaf *leaf = leaf_at(index, leaf_of(index, id));
    unsigned at = position(leaf, id);
    const struct index_item *item = leaf->items + leaf->first + at;
    return at < leaf->count && entry_id_compare(item->id, id) == 0 ? item->value : NULL;
}

/* The upper half of a full leaf moves to one of its own behind it. */
static void split(struct stream_index *index, uint32_t place) {
    struct index_leaf *leaf = leaf_at(index, place), *upper = leaf_new(LEAF_BYTES_MAX);
    unsigned kept = leaf->count / 2;
    upper->count = (uint16_t)(leaf->count - kept);
    memcpy(upper->items, leaf->items + leaf->first + kept, upper->count * sizeof *upper->items);
    leaf->count = (uint16_t)kept;
    add_leaf(index, place + 1, upper);
}

void *stream_index_add(struct stream_index *index, struct entry_id id, void *value) {
    struct index_item item = {id, value};
    if (!index->leaf_count) add_leaf(index, 0, leaf_new(LEAF_BYTES_MIN));
    uint32_t place = leaf_of(index, id);
    struct index_leaf *leaf = leaf_at(index, place);
    unsigned at = position(leaf, id);
    if (at < leaf->count && entry_id_compare(leaf->items[leaf->first + at].id, id) == 0)
        return leaf->items[leaf->first + at].value;
    bool is_end = place == index->leaf_count - 1 && at == leaf->count;
    if (is_end && leaf->capacity == LEAF_MAX && leaf->first + leaf->count == LEAF_MAX && leaf->count > LEAF_MAX / 2) {
        add_leaf(index, place + 1, leaf = leaf_new(LEAF_BYTES_MAX)); /* what was removed at its front stays a hole */
        at = 0;
    } else if (leaf->count == LEAF_MAX) {
        split(index, place);
        leaf = leaf_at(index, place);
        if (at > leaf->count) {
            at -= leaf->count;
            leaf = leaf_at(index, place + 1);
        }
    } else if (leaf->count == leaf->capacity) {
        leaf = index->leaves[index->start + place] = leaf_grow(leaf);
    }
    leaf_insert(leaf, at, item);
    index->count++;
    return NULL;
}

/* Leaves that became sparse are joined, so that removing in any order leaves no more than twice the room needed. */
static void join(struct stream_index *index, uint32_t place) {
    if (place + 1 >= index->leaf_count) return;
    struct index_leaf *leaf = leaf_at(index, place), *next = leaf_at(index, place + 1);
    if (leaf->count + next->count > LEAF_MAX / 2) return;
    leaf_compact(leaf);
    while (leaf->capacity < leaf->count + next->count) leaf = index->leaves[index->start + place] = leaf_grow(leaf);
    memcpy(leaf->items + leaf->count, next->items + next->first, next->count * sizeof *next->items);
    leaf->count = (uint16_t)(leaf->count + next->count);
    drop_leaf(index, place + 1);
}

void *stream_index_remove(struct stream_index *index, struct entry_id id) {
    if (!index->leaf_count) return NULL;
    uint32_t place = leaf_of(index, id);
    struct index_leaf *leaf = leaf_at(index, place);
    unsigned at = position(leaf, id);
    if (at == leaf->count || entry_id_compare(leaf->items[leaf->first + at].id, id) != 0) return NULL;
    struct index_item *item = leaf->items + leaf->first + at;
    void *value = item->value;
    leaf->count--;
    index->count--;
    if (at == 0)
        leaf->first = (uint16_t)(leaf->count ? leaf->first + 1 : 0);
    else
        memmove(item, item + 1, (leaf->count - at) * sizeof *item);
    if (leaf->count == 0) {
        drop_leaf(index, place);
    } else if (leaf->count < LEAF_MAX / 4) {
        join(index, place);
        if (place) join(index, place - 1);
    }
    return value;
}

/* ---- walking ---- */

struct index_item *stream_index_at(const struct stream_index *index, struct index_place place) {
    if (place.leaf >= index->leaf_count) return NULL;
    struct index_leaf *leaf = leaf_at(index, place.leaf);
    return leaf->items + leaf->first + place.item;
}

struct index_place stream_index_first(const struct stream_index *index) {
    return (struct index_place){0, 0};
}

static struct index_place last_of(const struct stream_index *index, uint32_t leaf) {
    return (struct index_place){leaf, leaf_at(index, leaf)->count - 1u};
}

struct index_place stream_index_last(const struct stream_index *index) {
    return index->leaf_count ? last_of(index, index->leaf_count - 1) : nowhere;
}

struct index_place stream_index_from(const struct stream_index *index, struct entry_id id) {
    if (!index->leaf_count) return nowhere;
    uint32_t leaf = leaf_of(index, id);
    unsigned at = position(leaf_at(index, leaf), id);
    return at < leaf_at(index, leaf)->count ? (struct index_place){leaf, at} : (struct index_place){leaf + 1, 0};
}

struct index_place stream_index_up_to(const struct stream_index *index, struct entry_id id) {
    struct index_place place = stream_index_from(index, id);
    const struct index_item *item = stream_index_at(index, place);
    if (item && entry_id_compare(item->id, id) == 0) return place;
    return item ? stream_index_previous(index, place) : stream_index_last(index);
}

struct index_place stream_index_next(const struct stream_index *index, struct index_place place) {
    if (place.leaf >= index->leaf_count) return nowhere;
    if (place.item + 1 < leaf_at(index, place.leaf)->count) return (struct index_place){place.leaf, place.item + 1};
    return (struct index_place){place.leaf + 1, 0};
}

struct index_place stream_index_previous(const struct stream_index *index, struct index_place place) {
    if (place.leaf >= index->leaf_count) return nowhere;
    if (place.item) return (struct index_place){place.leaf, place.item - 1};
    return place.leaf ? last_of(index, place.leaf - 1) : nowhere;
}
