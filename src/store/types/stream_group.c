#include "store/types/stream_group.h"
#include "base/mem.h"

/* ---- sorted arrays of what has a name ---- */

/* Where the name is or would be. Every element is a struct with a name at `offset`. */
static uint32_t place_of(void *const *array, uint32_t count, size_t offset, struct slice name, bool *is_there) {
    uint32_t low = 0, high = count;
    *is_there = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct slice other;
        memcpy(&other, (const char *)array[middle] + offset, sizeof other);
        int order = slice_compare(other, name);
        if (order == 0) {
            *is_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void *array_insert(void *array, uint32_t *count, uint32_t at, void *element) {
    void **elements = array;
    /* Sizes are powers of two. */
    if ((*count & (*count - 1)) == 0) elements = mem_realloc(elements, (*count ? *count * 2 : 1) * sizeof *elements);
    memmove(elements + at + 1, elements + at, (*count - at) * sizeof *elements);
    elements[at] = element;
    ++*count;
    return elements;
}

static void array_remove(void *array, uint32_t *count, uint32_t at) {
    void **elements = array;
    --*count;
    memmove(elements + at, elements + at + 1, (*count - at) * sizeof *elements);
}

static uint32_t group_place(const struct stream *stream, struct slice name, bool *is_there) {
    return place_of((void *const *)stream->groups, stream->group_count, offsetof(struct stream_group, name), name, is_there);
}

static uint32_t consumer_place(const struct stream_group *group, struct slice name, bool *is_there) {
    return place_of((void *const *)group->consumers, group->consumer_count, offsetof(struct stream_consumer, name), name, is_there);
}

/* ---- groups ---- */

static void free_consumer(struct stream_consumer *consumer) {
    stream_index_clear(&consumer->pending, NULL);
    mem_free(consumer);
}

static void free_group(struct stream_group *group) {
    for (uint32_t i = 0; i < group->consumer_count; i++) free_consumer(group->consumers[i]);
    mem_free(group->consumers);
    stream_index_clear(&group->pending, mem_free);
    mem_free(group);
}

struct stream_group *stream_group_find(const struct stream *stream, struct slice name) {
    bool is_there;
    uint32_t place = group_place(stream, name, &is_there);
    return is_there ? stream->groups[place] : NULL;
}

struct stream_group *stream_group_add(struct stream *stream, struct slice name, struct entry_id last_id, int64_t entries_read) {
    bool is_there;
    uint32_t place = group_place(stream, name, &is_there);
    if (is_there) return NULL;
    struct stream_group *group = mem_zalloc(sizeof *group + name.size);
    if (name.size) memcpy(group->text, name.data, name.size);
    group->name = slice_make(group->text, name.size);
    group->last_id = last_id;
    group->entries_read = entries_read;
    stream->groups = array_insert(stream->groups, &stream->group_count, place, group);
    return group;
}

void stream_group_remove(struct stream *stream, struct stream_group *group) {
    bool is_there;
    uint32_t place = group_place(stream, group->name, &is_there);
    CHECK(is_there);
    array_remove(stream->groups, &stream->group_count, place);
    free_group(group);
}

void stream_group_free_all(struct stream *stream) {
    for (uint32_t i = 0; i < stream->group_count; i++) free_group(stream->groups[i]);
    mem_free(stream->groups);
    stream->groups = NULL;
    stream->group_count = 0;
}

static void copy_pending(struct stream_group *copy, const struct stream_group *group) {
    const struct index_item *item;
    for (struct index_place place = stream_index_first(&group->pending); (item = stream_index_at(&group->pending, place));
         place = stream_index_next(&group->pending, place)) {
        const struct stream_nack *nack = item->value;
        struct stream_consumer *consumer = stream_group_find_consumer(copy, nack->consumer->name);
        struct stream_nack *other = stream_group_deliver(copy, consumer, item->id, nack->delivered_ms);
        other->deliveries = nack->deliveries;
    }
}

void stream_group_copy_all(struct stream *to, const struct stream *from) {
    for (uint32_t i = 0; i < from->group_count; i++) {
        const struct stream_group *group = from->groups[i];
        struct stream_group *copy = stream_group_add(to, group->name, group->last_id, group->entries_read);
        for (uint32_t k = 0; k < group->consumer_count; k++) {
            const struct stream_consumer *consumer = group->consumers[k];
            stream_group_add_consumer(copy, consumer->name, consumer->seen_ms)->active_ms = consumer->active_ms;
        }
        copy_pending(copy, group);
    }
}

size_t stream_group_effort(const struct stream *stream) {
    size_t effort = 0;
    for (uint32_t i = 0; i < stream->group_count; i++)
        effort += 1 + stream_index_count(&stream->groups[i]->pending) + stream->groups[i]->consumer_count;
    return effort;
}

size_t stream_group_memory(const struct stream *stream) {
    size_t bytes = stream->groups ? mem_size(stream->groups) : 0;
    for (uint32_t i = 0; i < stream->group_count; i++) {
        const struct stream_group *group = stream->groups[i];
        bytes += mem_size(group) + stream_index_memory(&group->pending);
        bytes += stream_index_count(&group->pending) * mem_good_size(sizeof(struct stream_nack));
        if (group->consumers) bytes += mem_size(group->consumers);
        for (uint32_t k = 0; k < group->consumer_count; k++)
            bytes += mem_size(group->consumers[k]) + stream_index_memory(&group->consumers[k]->pending);
    }
    return bytes;
}

bool stream_group_lag(const struct stream *stream, const struct stream_group *group, int64_t *lag) {
    int64_t read = group->entries_read, added = (int64_t)stream->entries_added;
    *lag = 0;
    if (!added) return true;
    if (read == STREAM_UNKNOWN || stream_has_gap(stream, group->last_id)) read = stream_distance(stream, group->last_id);
    *lag = (int64_t)((uint64_t)added - (uint64_t)read);
    return read != STREAM_UNKNOWN;
}

bool stream_group_advance(const struct stream *stream, struct stream_group *group, struct entry_id id) {
    if (entry_id_compare(id, group->last_id) <= 0) return false;
    if (group->entries_read != STREAM_UNKNOWN && !stream_has_gap(stream, id))
        group->entries_read = (int64_t)((uint64_t)group->entries_read + 1);
    else if (stream->entries_added)
        group->entries_read = stream_distance(stream, id);
    group->last_id = id;
    return true;
}

/* ---- consumers ---- */

struct stream_consumer *stream_group_find_consumer(const struct stream_group *group, struct slice name) {
    bool is_there;
    uint32_t place = consumer_place(group, name, &is_there);
    return is_there ? group->consumers[place] : NULL;
}

struct stream_consumer *stream_group_add_consumer(struct stream_group *group, struct slice name, int64_t wall_ms) {
    bool is_there;
    uint32_t place = consumer_place(group, name, &is_there);
    if (is_there) return NULL;
    struct stream_consumer *consumer = mem_zalloc(sizeof *consumer + name.size);
    if (name.size) memcpy(consumer->text, name.data, name.size);
    consumer->name = slice_make(consumer->text, name.size);
    consumer->seen_ms = wall_ms;
    consumer->active_ms = -1;
    group->consumers = array_insert(group->consumers, &group->consumer_count, place, consumer);
    return consumer;
}

void stream_group_remove_consumer(struct stream_group *group, struct stream_consumer *consumer) {
    bool is_there;
    uint32_t at = consumer_place(group, consumer->name, &is_there);
    CHECK(is_there);
    const struct index_item *item;
    for (struct index_place place = stream_index_first(&consumer->pending); (item = stream_index_at(&consumer->pending, place));
         place = stream_index_next(&consumer->pending, place))
        mem_free(stream_index_remove(&group->pending, item->id));
    array_remove(group->consumers, &group->consumer_count, at);
    free_consumer(consumer);
}

/* ---- pending entries ---- */

struct stream_nack *stream_group_find_nack(const struct stream_group *group, struct entry_id id) {
    return stream_index_find(&group->pending, id);
}

struct stream_nack *stream_group_deliver(struct stream_group *group, struct stream_consumer *consumer, struct entry_id id, int64_t wall_ms) {
    struct stream_nack *nack = mem_alloc(sizeof *nack), *old = stream_index_add(&group->pending, id, nack);
    if (old) {
        mem_free(nack);
        nack = old;
        stream_group_claim(nack, id, consumer);
    } else {
        nack->consumer = consumer;
        stream_index_add(&consumer->pending, id, nack);
    }
    nack->delivered_ms = wall_ms;
    nack->deliveries = 1;
    return nack;
}

void stream_group_claim(struct stream_nack *nack, struct entry_id id, struct stream_consumer *consumer) {
    if (nack->consumer == consumer) return;
    stream_index_remove(&nack->consumer->pending, id);
    stream_index_add(&consumer->pending, id, nack);
    nack->consumer = consumer;
}

bool stream_group_acknowledge(struct stream_group *group, struct entry_id id) {
    struct stream_nack *nack = stream_index_remove(&group->pending, id);
    if (!nack) return false;
    stream_index_remove(&nack->consumer->pending, id);
    mem_free(nack);
    return true;
}

/* ---- from files ---- */

bool stream_group_load_nack(struct stream_group *group, struct entry_id id, int64_t delivered_ms, uint64_t deliveries) {
    struct stream_nack *nack = mem_alloc(sizeof *nack);
    *nack = (struct stream_nack){.delivered_ms = delivered_ms, .deliveries = deliveries};
    if (!stream_index_add(&group->pending, id, nack)) return true;
    mem_free(nack);
    return false;
}

bool stream_group_load_owner(struct stream_group *group, struct stream_consumer *consumer, struct entry_id id) {
    struct stream_nack *nack = stream_index_find(&group->pending, id);
    if (!nack || nack->consumer) return false;
    nack->consumer = consumer;
    return stream_index_add(&consumer->pending, id, nack) == NULL;
}

bool stream_group_load_end(const struct stream_group *group) {
    const struct index_item *item;
    for (struct index_place place = stream_index_first(&group->pending); (item = stream_index_at(&group->pending, place));
         place = stream_index_next(&group->pending, place))
        if (!((const struct stream_nack *)item->value)->consumer) return false;
    return true;
}
