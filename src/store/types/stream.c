#include "store/types/stream.h"
#include "base/mem.h"
#include "store/types/stream_group.h"

enum { NODE_FIRST_BYTES = 64, NODE_ROOM_BYTES = 4096, MEMORY_SAMPLES = 64 };

/* ---- the whole ---- */

struct stream *stream_new(void) {
    return mem_zalloc(sizeof(struct stream));
}

void stream_free(void *object) {
    struct stream *stream = object;
    stream_index_clear(&stream->nodes, mem_free);
    stream_group_free_all(stream);
    mem_free(stream);
}

size_t stream_effort(const void *object) {
    const struct stream *stream = object;
    return stream_index_count(&stream->nodes) + stream_group_effort(stream);
}

/* A leaf of the index at a time: the cursor is its number. */
void *stream_defrag(void *object, uint64_t *cursor, size_t *moved, size_t *left) {
    struct stream *stream = object;
    uint32_t leaf = (uint32_t)*cursor;
    struct index_place place = {leaf, 0};
    struct index_item *item;
    for (; place.leaf == leaf && (item = stream_index_at(&stream->nodes, place)); place = stream_index_next(&stream->nodes, place)) {
        void *copy = mem_defrag(item->value);
        if (copy) item->value = copy;
        *(copy ? moved : left) += 1;
    }
    *cursor = stream_index_at(&stream->nodes, place) ? place.leaf : 0;
    return object;
}

size_t stream_memory(const void *object) {
    const struct stream *stream = object;
    size_t bytes = mem_size(stream) + stream_index_memory(&stream->nodes) + stream_group_memory(stream);
    size_t nodes = stream_index_count(&stream->nodes), seen = 0, seen_bytes = 0;
    if (!nodes) return bytes;
    struct index_place place = stream_index_first(&stream->nodes);
    const struct index_item *item;
    for (; seen < MEMORY_SAMPLES && (item = stream_index_at(&stream->nodes, place)); place = stream_index_next(&stream->nodes, place), seen++)
        seen_bytes += mem_size(item->value);
    return bytes + (seen == nodes ? seen_bytes : (size_t)((double)seen_bytes / (double)seen * (double)nodes));
}

void *stream_copy(const void *object) {
    const struct stream *stream = object;
    struct stream *copy = stream_new();
    *copy = *stream;
    copy->nodes = (struct stream_index){0};
    copy->groups = NULL;
    copy->group_count = 0;
    const struct index_item *item;
    for (struct index_place place = stream_index_first(&stream->nodes); (item = stream_index_at(&stream->nodes, place));
         place = stream_index_next(&stream->nodes, place))
        stream_index_add(&copy->nodes, item->id, listpack_copy(item->value));
    stream_group_copy_all(copy, stream);
    return copy;
}

/* ---- adding ---- */

static bool is_full(const struct listpack *node, size_t more, size_t texts, const struct stream_limits *limits) {
    if (!listpack_has_room(node, more + stream_entry_overhead(texts))) return true;
    uint64_t max_bytes = limits->node_max_bytes;
    if (max_bytes == 0 || max_bytes > STREAM_ENTRY_MAX_BYTES) max_bytes = STREAM_ENTRY_MAX_BYTES;
    if (listpack_size(node) + more >= max_bytes) return true;
    if (!limits->node_max_entries) return false;
    const struct listpack_entry *live = listpack_first(node);
    int64_t entries = listpack_get(live).number + listpack_get(listpack_next(node, live)).number;
    return (uint64_t)entries >= limits->node_max_entries;
}

/* A stream's first node grows as it must, since most streams are short; later ones have the room they will need. */
static size_t first_capacity(const struct stream *stream, const struct stream_limits *limits) {
    if (!stream_index_count(&stream->nodes)) return NODE_FIRST_BYTES;
    return limits->node_max_bytes && limits->node_max_bytes < NODE_ROOM_BYTES ? (size_t)limits->node_max_bytes : NODE_ROOM_BYTES;
}

void stream_add(struct stream *stream, struct entry_id id, const struct slice *pairs, size_t count, const struct stream_limits *limits) {
    CHECK(entry_id_compare(id, stream->last_id) > 0);
    size_t bytes = 0;
    for (size_t i = 0; i < 2 * count; i++) bytes += pairs[i].size;
    struct index_item *item = stream_index_at(&stream->nodes, stream_index_last(&stream->nodes));
    struct listpack *node = item ? item->value : NULL;
    if (node && is_full(node, bytes, 2 * count, limits)) {
        listpack_shrink(&node);
        item->value = node;
        node = NULL;
    }
    if (node) {
        stream_node_append(&node, item->id, id, pairs, count);
        item->value = node;
    } else {
        stream_index_add(&stream->nodes, id, stream_node_new(first_capacity(stream, limits), pairs, count));
    }
    stream->length++;
    stream->entries_added++;
    stream->last_id = id;
    if (stream->length == 1) stream->first_id = id;
}

/* ---- walking ---- */

void stream_walk_start(struct stream_walk *walk, const struct stream *stream, struct entry_id start, struct entry_id end, bool backwards) {
    /* Field by field: the entry is large and is written before it is read. */
    walk->stream = stream;
    walk->start = start;
    walk->end = end;
    walk->backwards = backwards;
    walk->with_deleted = false;
    walk->state = WALK_BEGIN;
}

/* Into the node at walk->place, at its near end; false: the walk is over. */
static bool enter_node(struct stream_walk *walk) {
    const struct index_item *item = stream_index_at(&walk->stream->nodes, walk->place);
    if (!item || (!walk->backwards && entry_id_compare(item->id, walk->end) > 0)) {
        walk->state = WALK_OVER;
        return false;
    }
    walk->master = item->id;
    bool has_entry = walk->backwards ? stream_node_last(item->value, item->id, &walk->entry)
                                     : stream_node_first(item->value, item->id, &walk->entry);
    CHECK(has_entry); /* S1 */
    return true;
}

static bool step(struct stream_walk *walk) {
    const struct stream_index *nodes = &walk->stream->nodes;
    switch (walk->state) {
    case WALK_OVER: return false;
    case WALK_BEGIN:
        walk->state = WALK_INSIDE;
        walk->place = stream_index_up_to(nodes, walk->backwards ? walk->end : walk->start);
        if (!walk->backwards && !stream_index_at(nodes, walk->place)) walk->place = stream_index_first(nodes);
        return enter_node(walk);
    case WALK_INSIDE: break;
    }
    if (walk->backwards ? stream_node_previous(walk->master, &walk->entry) : stream_node_next(walk->master, &walk->entry)) return true;
    walk->place = walk->backwards ? stream_index_previous(nodes, walk->place) : stream_index_next(nodes, walk->place);
    return enter_node(walk);
}

bool stream_walk_next(struct stream_walk *walk) {
    while (step(walk)) {
        struct entry_id id = walk->entry.id;
        if (walk->backwards ? entry_id_compare(id, walk->start) < 0 : entry_id_compare(id, walk->end) > 0) {
            walk->state = WALK_OVER;
            return false;
        }
        if (walk->entry.is_deleted && !walk->with_deleted) continue;
        if (walk->backwards ? entry_id_compare(id, walk->end) <= 0 : entry_id_compare(id, walk->start) >= 0) return true;
    }
    return false;
}

bool stream_find(const struct stream *stream, struct entry_id id, struct stream_entry *entry) {
    struct stream_walk walk;
    stream_walk_start(&walk, stream, id, id, false);
    if (!stream_walk_next(&walk)) return false;
    *entry = walk.entry;
    return true;
}

bool stream_has(const struct stream *stream, struct entry_id id) {
    struct stream_entry entry;
    return stream_find(stream, id, &entry);
}

bool stream_first_kept(const struct stream *stream, struct entry_id *id) {
    struct stream_walk walk;
    stream_walk_start(&walk, stream, ENTRY_ID_ZERO, ENTRY_ID_MAX, false);
    walk.with_deleted = true;
    if (!stream_walk_next(&walk)) return false;
    *id = walk.entry.id;
    return true;
}

/* Of the first or last live entry; zero: there is none. */
static struct entry_id edge(const struct stream *stream, bool is_last) {
    struct stream_walk walk;
    stream_walk_start(&walk, stream, ENTRY_ID_ZERO, ENTRY_ID_MAX, is_last);
    return stream_walk_next(&walk) ? walk.entry.id : ENTRY_ID_ZERO;
}

struct entry_id stream_last_valid(const struct stream *stream) {
    struct entry_id id = edge(stream, true);
    return stream->length ? id : stream->last_id;
}

/* ---- removing ---- */

/* `node` is what the item holds now. One entry of it, not the last live one, is marked and not counted yet. */
static void note_deleted(struct index_item *item, struct listpack *node, int64_t count) {
    stream_node_count_deleted(&node, count);
    item->value = node;
}

static void drop_node(struct stream *stream, struct entry_id master) {
    mem_free(stream_index_remove(&stream->nodes, master));
}

bool stream_remove(struct stream *stream, struct entry_id id) {
    struct stream_walk walk;
    stream_walk_start(&walk, stream, id, id, false);
    if (!stream_walk_next(&walk)) return false;
    struct index_item *item = stream_index_at(&stream->nodes, walk.place);
    struct listpack *node = item->value;
    if (stream_node_live(node) == 1) {
        drop_node(stream, item->id);
    } else {
        stream_node_mark_deleted(&node, item->id, &walk.entry);
        note_deleted(item, node, 1);
    }
    stream->length--;
    if (entry_id_compare(id, stream->max_deleted_id) > 0) stream->max_deleted_id = id;
    if (!stream->length)
        stream->first_id = ENTRY_ID_ZERO;
    else if (entry_id_compare(id, stream->first_id) == 0)
        stream->first_id = edge(stream, false);
    return true;
}

static bool goes_whole(const struct stream *stream, const struct index_item *item, const struct stream_trim *trim) {
    uint64_t entries = (uint64_t)stream_node_live(item->value);
    if (trim->by == STREAM_MAX_LENGTH) return stream->length - entries >= trim->max_length;
    struct stream_entry last;
    return stream_node_last(item->value, item->id, &last) && entry_id_compare(last.id, trim->min_id) < 0;
}

/* Removes from the beginning of the node; returns how many. */
static uint64_t trim_inside(struct stream *stream, struct index_item *item, const struct stream_trim *trim) {
    struct listpack *node = item->value;
    struct stream_entry entry;
    uint64_t removed = 0;
    for (bool is_there = stream_node_first(node, item->id, &entry); is_there; is_there = stream_node_next(item->id, &entry)) {
        if (trim->by == STREAM_MAX_LENGTH ? stream->length <= trim->max_length : entry_id_compare(entry.id, trim->min_id) >= 0) break;
        if (entry.is_deleted) continue;
        stream_node_mark_deleted(&node, item->id, &entry);
        stream->length--;
        removed++;
    }
    note_deleted(item, node, (int64_t)removed);
    return removed;
}

uint64_t stream_trim(struct stream *stream, const struct stream_trim *trim) {
    uint64_t removed = 0;
    struct index_item *item;
    if (trim->by == STREAM_KEEP) return 0;
    while ((item = stream_index_at(&stream->nodes, stream_index_first(&stream->nodes)))) {
        if (trim->by == STREAM_MAX_LENGTH && stream->length <= trim->max_length) break;
        uint64_t entries = (uint64_t)stream_node_live(item->value);
        if (trim->limit && removed + entries > trim->limit) break;
        if (!goes_whole(stream, item, trim)) {
            if (!trim->is_approximate) removed += trim_inside(stream, item, trim);
            break;
        }
        drop_node(stream, item->id);
        stream->length -= entries;
        removed += entries;
    }
    if (!stream->length)
        stream->first_id = ENTRY_ID_ZERO;
    else if (removed)
        stream->first_id = edge(stream, false);
    return removed;
}

/* ---- how far a reader is ---- */

bool stream_has_gap(const struct stream *stream, struct entry_id start) {
    if (!stream->length || entry_id_is_zero(stream->max_deleted_id)) return false;
    if (entry_id_compare(stream->first_id, stream->max_deleted_id) > 0) return false; /* all before it are gone */
    return entry_id_compare(start, stream->max_deleted_id) <= 0;
}

int64_t stream_distance(const struct stream *stream, struct entry_id id) {
    int64_t added = (int64_t)stream->entries_added;
    if (!added) return 0;
    int to_last = entry_id_compare(id, stream->last_id);
    if (!stream->length && to_last <= 0) return added;
    if (to_last == 0) return added;
    if (to_last > 0) return STREAM_UNKNOWN;
    /* What was removed before the first entry makes no doubt: nothing is missing between it and the last. */
    if (!entry_id_is_zero(stream->max_deleted_id) && entry_id_compare(stream->max_deleted_id, stream->first_id) >= 0) return STREAM_UNKNOWN;
    int to_first = entry_id_compare(id, stream->first_id);
    if (to_first > 0) return STREAM_UNKNOWN;
    return (int64_t)(stream->entries_added - stream->length + (to_first == 0)); /* XSETID may have set anything */
}

/* ---- from files ---- */

/* Length and first id in a file are what the nodes say again: the nodes are believed. */
bool stream_load_node(struct stream *stream, struct entry_id master, struct slice bytes) {
    struct listpack *node = listpack_from_bytes(bytes);
    if (!node) return false;
    struct stream_entry last;
    struct index_item *item = stream_index_at(&stream->nodes, stream_index_last(&stream->nodes));
    bool is_good = stream_node_is_valid(node, master) &&
                   (!item || (stream_node_last(item->value, item->id, &last) && entry_id_compare(last.id, master) < 0));
    if (!is_good) {
        mem_free(node);
        return false;
    }
    stream_index_add(&stream->nodes, master, node);
    stream->length += (uint64_t)stream_node_live(node);
    return true;
}

bool stream_load_counts(struct stream *stream, const struct stream_counts *counts) {
    struct stream_entry last;
    const struct index_item *item = stream_index_at(&stream->nodes, stream_index_last(&stream->nodes));
    if (item && (!stream_node_last(item->value, item->id, &last) || entry_id_compare(last.id, counts->last_id) > 0)) return false;
    stream->last_id = counts->last_id;
    stream->first_id = edge(stream, false);
    stream->entries_added = stream->length;
    if (!counts->is_complete) return true;
    stream->max_deleted_id = counts->max_deleted_id;
    stream->entries_added = counts->entries_added;
    return true;
}
