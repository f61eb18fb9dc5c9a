#include "store/types/list_value.h"
#include "base/mem.h"

struct list_chunk {
    struct list_chunk *next, *previous;
    struct listpack   *pack;
};

struct list_value {
    struct list_chunk *first, *last;
    size_t             count, chunks;
};

static const struct list_place nowhere = {NULL, NULL};

/* ---- chunks ---- */

static bool fits(const struct list_chunk *chunk, struct slice text) {
    return listpack_size(chunk->pack) + listpack_entry_size(text) <= LIST_CHUNK_BYTES;
}

/* After `before`; NULL: as the first. */
static struct list_chunk *add_chunk(struct list_value *list, struct list_chunk *before, struct listpack *pack) {
    struct list_chunk *chunk = mem_alloc(sizeof *chunk);
    chunk->pack = pack;
    chunk->previous = before;
    chunk->next = before ? before->next : list->first;
    if (chunk->next) chunk->next->previous = chunk;
    else list->last = chunk;
    if (before) before->next = chunk;
    else list->first = chunk;
    list->chunks++;
    return chunk;
}

static void drop_chunk(struct list_value *list, struct list_chunk *chunk) {
    if (chunk->next) chunk->next->previous = chunk->previous;
    else list->last = chunk->previous;
    if (chunk->previous) chunk->previous->next = chunk->next;
    else list->first = chunk->next;
    list->chunks--;
    mem_free(chunk->pack);
    mem_free(chunk);
}

/* The entries from `entry` on move to a chunk of their own behind. */
static struct list_chunk *split(struct list_value *list, struct list_chunk *chunk, struct listpack_entry *entry) {
    struct listpack *moved = listpack_new();
    char buffer[NUMBER_TEXT_SIZE];
    size_t count = 0;
    for (struct listpack_entry *at = entry; at; at = listpack_next(chunk->pack, at), count++)
        listpack_append(&moved, listpack_text(at, buffer));
    listpack_remove(&chunk->pack, entry, count);
    return add_chunk(list, chunk, moved);
}

/* ---- the whole ---- */

struct list_value *list_value_new(void) {
    return mem_zalloc(sizeof(struct list_value));
}

void list_value_free(void *object) {
    struct list_value *list = object;
    while (list->first) drop_chunk(list, list->first);
    mem_free(list);
}

size_t list_value_effort(const void *object) {
    return ((const struct list_value *)object)->chunks;
}

size_t list_value_memory(const void *object) {
    const struct list_value *list = object;
    size_t bytes = mem_size(list);
    for (const struct list_chunk *chunk = list->first; chunk; chunk = chunk->next) bytes += mem_size(chunk) + mem_size(chunk->pack);
    return bytes;
}

void *list_value_copy(const void *object) {
    const struct list_value *list = object;
    struct list_value *copy = list_value_new();
    for (const struct list_chunk *chunk = list->first; chunk; chunk = chunk->next)
        add_chunk(copy, copy->last, listpack_copy(chunk->pack));
    copy->count = list->count;
    return copy;
}

size_t list_value_count(const struct list_value *list) {
    return list->count;
}

void list_value_push(struct list_value *list, bool at_head, struct slice text) {
    struct list_chunk *chunk = at_head ? list->first : list->last;
    if (!chunk || !fits(chunk, text)) chunk = add_chunk(list, at_head ? NULL : list->last, listpack_new());
    if (at_head) listpack_prepend(&chunk->pack, text);
    else listpack_append(&chunk->pack, text);
    list->count++;
}

/* ---- places ---- */

struct list_place list_value_at(const struct list_value *list, int64_t index) {
    int64_t count = (int64_t)list->count;
    if (index < -count || index >= count) return nowhere;
    if (index < 0) index += count;
    if (index < count / 2) {
        for (struct list_chunk *chunk = list->first;; chunk = chunk->next) {
            int64_t here = (int64_t)listpack_count(chunk->pack);
            if (index < here) return (struct list_place){chunk, listpack_at(chunk->pack, index)};
            index -= here;
        }
    }
    index -= count;
    for (struct list_chunk *chunk = list->last;; chunk = chunk->previous) {
        int64_t here = (int64_t)listpack_count(chunk->pack);
        if (-index <= here) return (struct list_place){chunk, listpack_at(chunk->pack, index)};
        index += here;
    }
}

static struct list_place first_of(struct list_chunk *chunk) {
    return chunk ? (struct list_place){chunk, listpack_first(chunk->pack)} : nowhere;
}

static struct list_place last_of(struct list_chunk *chunk) {
    return chunk ? (struct list_place){chunk, listpack_last(chunk->pack)} : nowhere;
}

struct list_place list_value_step(struct list_place place, bool backwards) {
    struct listpack_entry *entry = backwards ? listpack_previous(place.chunk->pack, place.entry)
                                             : listpack_next(place.chunk->pack, place.entry);
    if (entry) return (struct list_place){place.chunk, entry};
    return backwards ? last_of(place.chunk->previous) : first_of(place.chunk->next);
}

struct slice list_place_text(struct list_place place, char *buffer) {
    return listpack_text(place.entry, buffer);
}

bool list_place_is(struct list_place place, struct slice text) {
    return listpack_is(place.entry, text);
}

/* ---- edits ---- */

void list_value_insert(struct list_value *list, struct list_place place, bool after, struct slice text) {
    struct list_chunk *chunk = place.chunk;
    struct listpack_entry *before = after ? listpack_next(chunk->pack, place.entry) : place.entry;
    list->count++;
    if (fits(chunk, text)) {
        listpack_insert(&chunk->pack, before, text);
        return;
    }
    /* A chunk of its own between the halves. */
    struct listpack *pack = listpack_new();
    listpack_append(&pack, text);
    if (!before) {
        add_chunk(list, chunk, pack);
    } else if (before == listpack_first(chunk->pack)) {
        add_chunk(list, chunk->previous, pack);
    } else {
        split(list, chunk, before);
        add_chunk(list, chunk, pack);
    }
}

struct list_place list_value_remove(struct list_value *list, struct list_place place, bool backwards) {
    struct list_chunk *chunk = place.chunk, *next = chunk->next, *previous = chunk->previous;
    list->count--;
    if (listpack_next(chunk->pack, place.entry) == NULL && listpack_first(chunk->pack) == place.entry) {
        drop_chunk(list, chunk);
        return backwards ? last_of(previous) : first_of(next);
    }
    struct listpack_entry *after = listpack_remove(&chunk->pack, place.entry, 1);
    if (!backwards) return after ? (struct list_place){chunk, after} : first_of(next);
    struct listpack_entry *entry = after ? listpack_previous(chunk->pack, after) : listpack_last(chunk->pack);
    return entry ? (struct list_place){chunk, entry} : last_of(previous);
}

void list_value_replace(struct list_value *list, struct list_place place, struct slice text) {
    struct list_chunk *chunk = place.chunk;
    struct listpack_entry *entry = listpack_replace(&chunk->pack, place.entry, text);
    if (listpack_size(chunk->pack) <= LIST_CHUNK_BYTES) return;
    /* It is too large for the others: it gets a chunk of its own. */
    struct listpack_entry *next = listpack_next(chunk->pack, entry);
    if (next) split(list, chunk, next);
    entry = listpack_last(chunk->pack);
    if (entry != listpack_first(chunk->pack)) split(list, chunk, entry);
}

void list_value_remove_range(struct list_value *list, size_t index, size_t count) {
    struct list_place place = list_value_at(list, (int64_t)index);
    while (count && place.chunk) {
        struct list_chunk *chunk = place.chunk, *next = chunk->next;
        size_t here = listpack_count(chunk->pack);
        if (place.entry == listpack_first(chunk->pack) && here <= count) {
            drop_chunk(list, chunk);
            count -= here;
            list->count -= here;
            place = first_of(next);
            continue;
        }
        size_t before = here;
        listpack_remove(&chunk->pack, place.entry, count);
        size_t removed = before - listpack_count(chunk->pack);
        count -= removed;
        list->count -= removed;
        place = first_of(next);
    }
}

/* ---- whole chunks ---- */

size_t list_value_packs(const struct list_value *list) {
    return list->chunks;
}

const struct list_chunk *list_value_next_chunk(const struct list_value *list, const struct list_chunk *chunk) {
    return chunk ? chunk->next : list->first;
}

const struct listpack *list_chunk_pack(const struct list_chunk *chunk) {
    return chunk->pack;
}

void list_value_add_pack(struct list_value *list, struct listpack **pack) {
    size_t count = listpack_count(*pack);
    CHECK(count != 0);
    list->count += count;
    add_chunk(list, list->last, *pack);
    *pack = NULL;
}
