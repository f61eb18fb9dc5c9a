#include "store/types/list_value.h"
#include "base/mem.h"
#include "store/types/list_chain.h"
#include "store/types/list_short.h"

enum { NODE_MAX_BYTES = 64 * 1024 }; /* a larger listpack from outside is cut up */

static const struct list_place nowhere = {NULL, 0};

/* NULL: an empty short list. */
static struct list_short *short_of(const struct value *list) {
    return list->object;
}

static struct list_chain *chain_of(const struct value *list) {
    return list->object;
}

static bool is_short(const struct value *list) {
    return list->encoding == VALUE_LISTPACK;
}

struct value list_value_new(void) {
    return (struct value){.type = VALUE_LIST, .encoding = VALUE_LISTPACK, .form = VALUE_OBJECT};
}

size_t list_value_count(const struct value *list) {
    if (!is_short(list)) return chain_of(list)->count;
    return list->object ? list_short_count(short_of(list)) : 0;
}

/* ---- for value.c ---- */

void list_value_free_chain(void *object) {
    list_chain_free(object);
}

size_t list_value_chain_effort(const void *object) {
    return ((const struct list_chain *)object)->used + (size_t)1;
}

size_t list_value_chain_memory(const void *object) {
    return list_chain_memory(object);
}

void *list_value_copy_chain(const void *object) {
    return list_chain_copy(object);
}

void *list_value_copy_short(const void *object) {
    return list_short_copy(object);
}

/* ---- from short to long ---- */

static bool short_allows(const struct list_rules *rules, size_t count) {
    return rules->max_listpack_size < 0 || count <= (size_t)rules->max_listpack_size;
}

static struct listpack *pack_of_short(const struct list_short *list) {
    struct listpack *pack = listpack_new_sized(LISTPACK_OVERHEAD + list_short_size(list) + 2 * list_short_count(list));
    char buffer[NUMBER_TEXT_SIZE];
    const struct listpack_entry *entry = list_short_at(list, 0);
    for (; entry; entry = list_short_next(list, entry)) listpack_append(&pack, listpack_text(entry, buffer));
    return pack;
}

static struct list_chain *make_long(struct value *list, const struct list_rules *rules) {
    struct list_chain *chain = list_chain_new(rules->max_listpack_size, rules->compress_depth);
    if (list_value_count(list)) {
        struct listpack *pack = pack_of_short(short_of(list));
        list_chain_add(chain, 0, list_chunk_of(&pack));
    }
    mem_free(list->object);
    list->encoding = VALUE_QUICKLIST;
    list->object = chain;
    return chain;
}

/* ---- chunks that are looked into ---- */

static struct list_chunk *enter(struct list_chain *chain, uint32_t i) {
    struct list_chunk *chunk = list_chain_chunk(chain, i);
    if (UNLIKELY(chunk->kind == LIST_CHUNK_COMPRESSED)) {
        list_chunk_expand(chunk);
        chain->has_loose = true;
    }
    return chunk;
}

static struct list_chunk chunk_of_text(struct slice text) {
    if (text.size >= LIST_CHUNK_PLAIN_MIN) return list_chunk_of_text(text);
    struct list_chunk chunk = list_chunk_new();
    struct listpack_form form;
    listpack_form_of(&form, text);
    list_chunk_push(&chunk, false, &form);
    return chunk;
}

/* A new chunk at one end; the one that it makes an inner one is compressed. */
static void add_at_end(struct list_chain *chain, bool at_head, struct list_chunk chunk) {
    list_chain_add(chain, at_head ? 0 : chain->used, chunk);
    uint32_t depth = chain->compress_depth;
    if (depth && chain->used > depth) list_chain_leave(chain, at_head ? depth : chain->used - 1 - depth);
}

static bool has_room(struct list_chain *chain, uint32_t i, size_t more) {
    return enter(chain, i)->kind == LIST_CHUNK_PACKED && list_chain_has_room(chain, i, more);
}

/* ---- pushing ---- */

static void push_long(struct list_chain *chain, bool at_head, struct slice text) {
    if (text.size < LIST_CHUNK_PLAIN_MIN && chain->used) {
        struct listpack_form form;
        listpack_form_of(&form, text);
        uint32_t i = at_head ? 0 : chain->used - 1;
        if (has_room(chain, i, listpack_form_size(&form))) {
            list_chunk_push(list_chain_chunk(chain, i), at_head, &form);
            chain->count++;
            return;
        }
    }
    add_at_end(chain, at_head, chunk_of_text(text));
}

/* False: together they are too many or too much for a short list, which is as it was. */
static bool push_short(struct value *list, const struct list_rules *rules, bool at_head, const struct slice *texts, size_t count) {
    size_t had = list_value_count(list), bytes = 0;
    if (had + count > LIST_SHORT_MAX_COUNT || !short_allows(rules, had + count)) return false;
    struct listpack_form form;
    for (size_t i = 0; i < count; i++) {
        if (texts[i].size > LIST_SHORT_MAX_BYTES) return false;
        listpack_form_of(&form, texts[i]);
        bytes += form.length;
    }
    struct list_short *object = short_of(list);
    if (!object) {
        if (bytes > LIST_SHORT_MAX_BYTES - LIST_SHORT_OVERHEAD) return false;
        object = list_short_new(bytes);
    } else {
        if (!list_short_has_room(object, count, bytes)) return false;
        list_short_reserve(&object, bytes);
    }
    for (size_t i = 0; i < count; i++) {
        if (count > 1) listpack_form_of(&form, texts[i]); /* else it is what it was */
        list_short_edit(&object, at_head ? list_short_at(object, 0) : NULL, 0, &form);
    }
    list->object = object;
    return true;
}

void list_value_push(struct value *list, const struct list_rules *rules, bool at_head, const struct slice *texts, size_t count) {
    if (is_short(list)) {
        if (push_short(list, rules, at_head, texts, count)) return;
        make_long(list, rules);
    }
    for (size_t i = 0; i < count; i++) push_long(chain_of(list), at_head, texts[i]);
}

/* ---- removing ---- */

/* Entries first .. first + count of one chunk; not all of it. */
static void remove_within(struct list_chain *chain, uint32_t i, size_t first, size_t count) {
    struct list_chunk *chunk = enter(chain, i);
    chain->count -= count;
    if (first == 0)
        list_chunk_pop(chunk, true, count);
    else if (first + count == chunk->count)
        list_chunk_pop(chunk, false, count);
    else
        list_chunk_remove(chunk, listpack_at(list_chunk_pack(chunk), (int64_t)first), count);
}

static void remove_long(struct list_chain *chain, size_t index, size_t count) {
    size_t from = index, to = index + count - 1; /* the first and the last, then their numbers in their chunks */
    uint32_t i = list_chain_find(chain, &from), j = list_chain_find(chain, &to);
    size_t size_i = list_chain_chunk(chain, i)->count, size_j = list_chain_chunk(chain, j)->count;
    if (i == j) {
        if (count == size_i)
            list_chain_drop(chain, i, 1);
        else
            remove_within(chain, i, from, count);
        return;
    }
    if (to + 1 < size_j)
        remove_within(chain, j, 0, to + 1);
    else
        j++;
    if (from > 0) remove_within(chain, i++, from, size_i - from);
    list_chain_drop(chain, i, j - i);
}

void list_value_remove_range(struct value *list, size_t index, size_t count) {
    if (count == 0) return;
    if (is_short(list)) {
        struct list_short *object = short_of(list);
        list_short_edit(&object, list_short_at(object, index), count, NULL);
        list->object = object;
    } else {
        remove_long(chain_of(list), index, count);
    }
}

/* ---- places ---- */

static struct list_place first_of(struct list_chain *chain, uint32_t i) {
    if (i >= chain->used) return nowhere;
    const struct list_chunk *chunk = enter(chain, i);
    if (chunk->kind == LIST_CHUNK_PLAIN) return (struct list_place){chunk->block, i};
    return (struct list_place){listpack_first(list_chunk_pack(chunk)), i};
}

/* Of the chunk before the i-th. */
static struct list_place last_before(struct list_chain *chain, uint32_t i) {
    if (i == 0) return nowhere;
    const struct list_chunk *chunk = enter(chain, --i);
    if (chunk->kind == LIST_CHUNK_PLAIN) return (struct list_place){chunk->block, i};
    return (struct list_place){listpack_last(list_chunk_pack(chunk)), i};
}

struct list_place list_value_at(const struct value *list, int64_t index) {
    int64_t count = (int64_t)list_value_count(list);
    if (index < -count || index >= count) return nowhere;
    size_t at = (size_t)(index < 0 ? index + count : index);
    if (is_short(list)) return (struct list_place){list_short_at(short_of(list), at), 0};
    struct list_chain *chain = chain_of(list);
    uint32_t i = list_chain_find(chain, &at);
    const struct list_chunk *chunk = enter(chain, i);
    if (chunk->kind == LIST_CHUNK_PLAIN) return (struct list_place){chunk->block, i};
    return (struct list_place){listpack_at(list_chunk_pack(chunk), (int64_t)at), i};
}

struct list_place list_value_step(const struct value *list, struct list_place place, bool backwards) {
    if (is_short(list)) {
        const struct list_short *object = short_of(list);
        place.entry = backwards ? list_short_previous(object, place.entry) : list_short_next(object, place.entry);
        return place;
    }
    struct list_chain *chain = chain_of(list);
    const struct list_chunk *chunk = list_chain_chunk(chain, place.chunk);
    if (chunk->kind == LIST_CHUNK_PACKED) {
        const struct listpack *pack = list_chunk_pack(chunk);
        const struct listpack_entry *entry = backwards ? listpack_previous(pack, place.entry) : listpack_next(pack, place.entry);
        if (entry) return (struct list_place){entry, place.chunk};
    }
    list_chain_leave(chain, place.chunk);
    return backwards ? last_before(chain, place.chunk) : first_of(chain, place.chunk + 1);
}

static bool is_plain(const struct value *list, struct list_place place) {
    return !is_short(list) && list_chain_chunk(chain_of(list), place.chunk)->kind == LIST_CHUNK_PLAIN;
}

struct slice list_value_text(const struct value *list, struct list_place place, char *buffer) {
    if (is_plain(list, place)) return list_chunk_plain_text(list_chain_chunk(chain_of(list), place.chunk));
    return listpack_text(place.entry, buffer);
}

bool list_value_is(const struct value *list, struct list_place place, struct slice text) {
    if (is_plain(list, place)) return slice_equal(list_chunk_plain_text(list_chain_chunk(chain_of(list), place.chunk)), text);
    return listpack_is(place.entry, text);
}

void list_value_tidy(const struct value *list, bool is_sparse) {
    if (is_short(list)) return;
    if (is_sparse) list_chain_compact(chain_of(list));
    list_chain_tidy(chain_of(list));
}

/* ---- editing at a place ---- */

/* The list becomes long, and the place stays the same element's. */
static struct list_chain *make_long_at(struct value *list, const struct list_rules *rules, struct list_place *place) {
    const struct list_short *object = short_of(list);
    int64_t index = 0;
    for (const struct listpack_entry *at = list_short_at(object, 0); at != place->entry; at = list_short_next(object, at)) index++;
    struct list_chain *chain = make_long(list, rules);
    *place = list_value_at(list, index);
    return chain;
}

/* Between chunk i - 1 and chunk i. */
static void insert_between(struct list_chain *chain, uint32_t i, struct slice text) {
    if (text.size < LIST_CHUNK_PLAIN_MIN) {
        struct listpack_form form;
        listpack_form_of(&form, text);
        size_t more = listpack_form_size(&form);
        bool to_previous = i > 0 && has_room(chain, i - 1, more);
        if (to_previous || (i < chain->used && has_room(chain, i, more))) {
            list_chunk_push(list_chain_chunk(chain, to_previous ? i - 1 : i), !to_previous, &form);
            chain->count++;
            return;
        }
    }
    list_chain_add(chain, i, chunk_of_text(text));
    chain->has_loose = true;
}

static void insert_long(struct list_chain *chain, struct list_place place, bool after, struct slice text) {
    struct list_chunk *chunk = list_chain_chunk(chain, place.chunk);
    if (chunk->kind == LIST_CHUNK_PLAIN) {
        insert_between(chain, place.chunk + after, text);
        return;
    }
    const struct listpack *pack = list_chunk_pack(chunk);
    const struct listpack_entry *before = after ? listpack_next(pack, place.entry) : place.entry;
    if (!before) {
        insert_between(chain, place.chunk + 1, text);
    } else if (before == listpack_first(pack)) {
        insert_between(chain, place.chunk, text);
    } else if (text.size < LIST_CHUNK_PLAIN_MIN && list_chain_has_room(chain, place.chunk, listpack_entry_size(text))) {
        list_chunk_insert(chunk, before, text);
        chain->count++;
    } else {
        list_chain_split(chain, place.chunk, before);
        insert_between(chain, place.chunk + 1, text);
    }
}

void list_value_insert(struct value *list, const struct list_rules *rules, struct list_place place, bool after, struct slice text) {
    if (is_short(list)) {
        struct list_short *object = short_of(list);
        struct listpack_form form;
        listpack_form_of(&form, text);
        if (list_short_has_room(object, 1, form.length) && short_allows(rules, list_short_count(object) + 1)) {
            list_short_edit(&object, after ? list_short_next(object, place.entry) : place.entry, 0, &form);
            list->object = object;
            return;
        }
        make_long_at(list, rules, &place);
    }
    insert_long(chain_of(list), place, after, text);
}

/* The element gets a chunk of its own. Returns which. */
static uint32_t isolate(struct list_chain *chain, uint32_t i, const struct listpack_entry *entry) {
    struct listpack *pack = list_chunk_pack(list_chain_chunk(chain, i));
    if (entry != listpack_first(pack)) {
        list_chain_split(chain, i, entry);
        pack = list_chunk_pack(list_chain_chunk(chain, ++i));
    }
    const struct listpack_entry *next = listpack_next(pack, listpack_first(pack));
    if (next) list_chain_split(chain, i, next);
    return i;
}

static void replace_long(struct list_chain *chain, struct list_place place, struct slice text) {
    struct list_chunk *chunk = list_chain_chunk(chain, place.chunk);
    bool was_plain = chunk->kind == LIST_CHUNK_PLAIN;
    if (was_plain || text.size >= LIST_CHUNK_PLAIN_MIN) {
        uint32_t i = was_plain ? place.chunk : isolate(chain, place.chunk, place.entry);
        list_chunk_free(list_chain_chunk(chain, i));
        *list_chain_chunk(chain, i) = chunk_of_text(text);
        return;
    }
    const struct listpack_entry *entry = list_chunk_replace(chunk, place.entry, text);
    if (chunk->count > 1 && list_chain_is_over(chain, place.chunk)) isolate(chain, place.chunk, entry);
}

void list_value_replace(struct value *list, const struct list_rules *rules, struct list_place place, struct slice text) {
    if (is_short(list)) {
        struct list_short *object = short_of(list);
        struct listpack_form form;
        listpack_form_of(&form, text);
        size_t old = listpack_bare_size(place.entry);
        if (form.length <= old || list_short_has_room(object, 0, form.length - old)) {
            list_short_edit(&object, place.entry, 1, &form);
            list->object = object;
            return;
        }
        make_long_at(list, rules, &place);
    }
    replace_long(chain_of(list), place, text);
}

static struct list_place remove_short(struct value *list, struct list_place place, bool backwards) {
    struct list_short *object = short_of(list);
    const struct listpack_entry *previous = backwards ? list_short_previous(object, place.entry) : NULL;
    ptrdiff_t offset = previous ? (const char *)previous - (const char *)object : 0;
    const struct listpack_entry *next = list_short_edit(&object, place.entry, 1, NULL);
    list->object = object;
    if (!backwards) return (struct list_place){next, 0};
    return previous ? (struct list_place){(const char *)object + offset, 0} : nowhere;
}

struct list_place list_value_remove(struct value *list, struct list_place place, bool backwards) {
    if (is_short(list)) return remove_short(list, place, backwards);
    struct list_chain *chain = chain_of(list);
    struct list_chunk *chunk = list_chain_chunk(chain, place.chunk);
    if (chunk->count == 1) {
        list_chain_drop(chain, place.chunk, 1);
        return backwards ? last_before(chain, place.chunk) : first_of(chain, place.chunk);
    }
    const struct listpack_entry *entry = list_chunk_remove(chunk, place.entry, 1);
    const struct listpack *pack = list_chunk_pack(chunk);
    chain->count--;
    if (backwards) entry = entry ? listpack_previous(pack, entry) : listpack_last(pack);
    if (entry) return (struct list_place){entry, place.chunk};
    list_chain_leave(chain, place.chunk);
    return backwards ? last_before(chain, place.chunk) : first_of(chain, place.chunk + 1);
}

/* ---- walking ---- */

static void open_chunk(struct list_walk *walk, size_t index) {
    const struct list_chunk *chunk = list_chain_chunk(chain_of(walk->list), walk->chunk);
    mem_free(walk->unpacked);
    walk->unpacked = NULL;
    if (chunk->kind == LIST_CHUNK_PLAIN) return;
    if (chunk->kind == LIST_CHUNK_COMPRESSED) walk->unpacked = list_chunk_unpacked(chunk);
    walk->entry = listpack_at(walk->unpacked ? walk->unpacked : list_chunk_pack(chunk), (int64_t)index);
}

void list_walk_start(struct list_walk *walk, const struct value *list, size_t index) {
    walk->list = list;
    walk->entry = NULL;
    walk->unpacked = NULL;
    walk->chunk = 0;
    walk->left = list_value_count(list) - index;
    if (walk->left == 0) return;
    if (is_short(list)) {
        walk->entry = list_short_at(short_of(list), index);
    } else {
        walk->chunk = list_chain_find(chain_of(list), &index);
        open_chunk(walk, index);
    }
}

bool list_walk_next(struct list_walk *walk, struct slice *text) {
    if (walk->left-- == 0) {
        walk->left = 0;
        return false;
    }
    struct packed content;
    if (is_short(walk->list)) {
        content = listpack_get(walk->entry);
        walk->entry = list_short_next(short_of(walk->list), walk->entry);
    } else if (LIKELY(walk->entry != NULL)) {
        walk->entry = listpack_take(walk->entry, &content);
        walk->chunk += !walk->entry;
    } else { /* a chunk of its own, or the next one with many */
        open_chunk(walk, 0);
        if (walk->entry) {
            walk->entry = listpack_take(walk->entry, &content);
            walk->chunk += !walk->entry;
        } else {
            *text = list_chunk_plain_text(list_chain_chunk(chain_of(walk->list), walk->chunk++));
            return true;
        }
    }
    *text = content.text ? slice_make(content.text, content.size)
                         : slice_make(walk->buffer, number_print_int(walk->buffer, content.number));
    return true;
}

void list_walk_end(struct list_walk *walk) {
    mem_free(walk->unpacked);
    walk->unpacked = NULL;
}

/* ---- dumps ---- */

size_t list_value_node_count(const struct value *list) {
    return is_short(list) ? 1 : chain_of(list)->used;
}

static struct listpack *pack_of_text(struct slice text) {
    struct listpack *pack = listpack_new_sized(LISTPACK_OVERHEAD + listpack_entry_size(text));
    listpack_append(&pack, text);
    return pack;
}

void list_value_node(const struct value *list, size_t i, struct list_node_image *image) {
    *image = (struct list_node_image){0};
    const struct listpack *pack = NULL;
    if (is_short(list)) {
        pack = image->unpacked = list->object ? pack_of_short(short_of(list)) : listpack_new();
    } else {
        const struct list_chunk *chunk = list_chain_chunk(chain_of(list), (uint32_t)i);
        if (chunk->kind == LIST_CHUNK_PACKED) {
            pack = list_chunk_pack(chunk);
        } else if (chunk->kind == LIST_CHUNK_COMPRESSED) {
            pack = image->unpacked = list_chunk_unpacked(chunk);
        } else {
            /* The established server packs everything below a gigabyte. */
            struct slice text = list_chunk_plain_text(chunk);
            image->is_plain = text.size > LISTPACK_MAX_BYTES - 2 * LISTPACK_OVERHEAD - LISTPACK_HEAD_MAX;
            if (image->is_plain)
                image->bytes = text;
            else
                pack = image->unpacked = pack_of_text(text);
        }
    }
    if (pack) image->bytes = listpack_bytes(pack);
}

void list_node_image_end(struct list_node_image *image) {
    mem_free(image->unpacked);
    image->unpacked = NULL;
}

static void push_entries(struct value *list, const struct list_rules *rules, const struct listpack *pack) {
    char buffer[NUMBER_TEXT_SIZE];
    const struct listpack_entry *entry = listpack_first(pack);
    for (; entry; entry = listpack_next(pack, entry)) {
        struct slice text = listpack_text(entry, buffer);
        list_value_push(list, rules, false, &text, 1);
    }
}

void list_value_add_pack(struct value *list, const struct list_rules *rules, struct listpack **pack) {
    size_t count = listpack_count(*pack), size = listpack_size(*pack);
    bool   stays_short = is_short(list) && list_value_count(list) + count <= LIST_SHORT_MAX_COUNT && size <= LIST_SHORT_MAX_BYTES;
    if (stays_short || count == 0 || count > LIST_CHUNK_COUNT_MAX || size > NODE_MAX_BYTES) {
        push_entries(list, rules, *pack);
        mem_free(*pack);
        *pack = NULL;
        return;
    }
    if (is_short(list)) make_long(list, rules);
    add_at_end(chain_of(list), false, list_chunk_of(pack));
}
