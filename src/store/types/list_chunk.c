#include "store/types/list_chunk.h"
#include "base/lzf.h"
#include "base/mem.h"
#include "store/types/str.h"

enum {
    COMPRESS_MIN_BYTES = 48, /* as the established server: less is not worth it ... */
    COMPRESS_MIN_GAIN = 8,   /* ... nor is a gain of less than that */
    SIZE_BYTES = 4           /* of the size before a compressed text */
};

/* ---- whole ones ---- */

struct list_chunk list_chunk_of(struct listpack **pack) {
    struct list_chunk chunk = {.block = *pack, .kind = LIST_CHUNK_PACKED, .count = (uint16_t)listpack_count(*pack)};
    *pack = NULL;
    return chunk;
}

struct list_chunk list_chunk_new(void) {
    struct listpack *pack = listpack_new();
    return list_chunk_of(&pack);
}

struct list_chunk list_chunk_of_text(struct slice text) {
    return (struct list_chunk){.block = str_new(text), .kind = LIST_CHUNK_PLAIN, .count = 1};
}

void list_chunk_free(struct list_chunk *chunk) {
    if (chunk->kind == LIST_CHUNK_PLAIN)
        str_release(chunk->block);
    else
        mem_free(chunk->block);
    chunk->block = NULL;
}

struct slice list_chunk_plain_text(const struct list_chunk *chunk) {
    return str_text(chunk->block);
}

static size_t unpacked_size(const struct list_chunk *chunk) {
    uint32_t size;
    memcpy(&size, chunk->block, sizeof size);
    return size;
}

size_t list_chunk_size(const struct list_chunk *chunk) {
    switch ((enum list_chunk_kind)chunk->kind) {
    case LIST_CHUNK_PACKED: return listpack_size(list_chunk_pack(chunk));
    case LIST_CHUNK_COMPRESSED: return unpacked_size(chunk);
    case LIST_CHUNK_PLAIN: return list_chunk_plain_text(chunk).size;
    }
    UNREACHABLE("a kind of chunk");
}

size_t list_chunk_memory(const struct list_chunk *chunk) {
    return chunk->kind == LIST_CHUNK_PLAIN ? str_memory(chunk->block) : mem_size(chunk->block);
}

struct list_chunk list_chunk_copy(const struct list_chunk *chunk) {
    struct list_chunk copy = *chunk;
    if (chunk->kind == LIST_CHUNK_PLAIN) {
        copy.block = str_new(list_chunk_plain_text(chunk));
    } else if (chunk->kind == LIST_CHUNK_PACKED) {
        copy.block = listpack_copy(list_chunk_pack(chunk));
        copy.gap = 0;
    } else {
        size_t size = SIZE_BYTES + chunk->gap;
        copy.block = mem_alloc(size);
        memcpy(copy.block, chunk->block, size);
    }
    return copy;
}

/* ---- both ends ---- */

/* A block of `total` bytes with the listpack after `gap` of them. */
static void move_to_block(struct list_chunk *chunk, size_t total, size_t gap) {
    const struct listpack *pack = list_chunk_pack(chunk);
    char *block = mem_alloc(total);
    memcpy(block + gap, pack, listpack_size(pack));
    mem_free(chunk->block);
    chunk->block = block;
    chunk->gap = (uint32_t)gap;
}

static void move_within(struct list_chunk *chunk, size_t gap) {
    const struct listpack *pack = list_chunk_pack(chunk);
    memmove((char *)chunk->block + gap, pack, listpack_size(pack));
    chunk->gap = (uint32_t)gap;
}

/* At least `need` free bytes before or behind the listpack. Each byte is moved a few times at most until it stays:
 * a block grows by a quarter, and where one end ran out of room while the other has plenty, both get half of it. */
static void make_room(struct list_chunk *chunk, bool at_head, size_t need) {
    size_t size = listpack_size(list_chunk_pack(chunk)), total = mem_size(chunk->block), slack = total - size;
    if (at_head ? chunk->gap >= need : slack - chunk->gap >= need) return;
    if (slack / 2 >= need && slack >= size / 8) {
        move_within(chunk, slack / 2);
        return;
    }
    total = mem_good_size(size + need + MIN(size / 4, (size_t)4096));
    move_to_block(chunk, total, at_head ? total - size : 0);
}

/* A listpack at the beginning of its block, as every other edit wants it; `*entry` (NULL or an entry of it) moves too. */
static struct listpack *to_start(struct list_chunk *chunk, const struct listpack_entry **entry) {
    size_t gap = chunk->gap;
    if (gap) {
        move_within(chunk, 0);
        if (*entry) *entry = (const struct listpack_entry *)(const void *)((const char *)*entry - gap);
    }
    return chunk->block;
}

static void edited(struct list_chunk *chunk, struct listpack *pack) {
    chunk->block = pack;
    chunk->count = (uint16_t)listpack_count(pack);
    chunk->is_not_smaller = false;
}

void list_chunk_push(struct list_chunk *chunk, bool at_head, const struct listpack_form *form) {
    make_room(chunk, at_head, listpack_form_size(form));
    struct listpack *pack = list_chunk_pack(chunk);
    if (at_head)
        chunk->gap = (uint32_t)((char *)listpack_put_first(pack, form) - (char *)chunk->block);
    else
        listpack_put_last(pack, form);
    chunk->count++;
    chunk->is_not_smaller = false;
}

void list_chunk_pop(struct list_chunk *chunk, bool at_head, size_t count) {
    CHECK(count < chunk->count);
    struct listpack *pack = list_chunk_pack(chunk);
    if (at_head)
        chunk->gap = (uint32_t)((char *)listpack_drop_first(pack, count) - (char *)chunk->block);
    else
        listpack_drop_last(pack, count);
    chunk->count = (uint16_t)(chunk->count - count);
    chunk->is_not_smaller = false;
    size_t size = listpack_size(list_chunk_pack(chunk));
    if (mem_size(chunk->block) > 2 * size + 64) move_to_block(chunk, mem_good_size(size), 0);
}

/* ---- in the middle ---- */

void list_chunk_insert(struct list_chunk *chunk, const struct listpack_entry *at, struct slice text) {
    struct listpack *pack = to_start(chunk, &at);
    listpack_insert(&pack, at, text);
    edited(chunk, pack);
}

const struct listpack_entry *list_chunk_replace(struct list_chunk *chunk, const struct listpack_entry *entry,
                                                struct slice text) {
    struct listpack *pack = to_start(chunk, &entry);
    entry = listpack_replace(&pack, entry, text);
    edited(chunk, pack);
    return entry;
}

const struct listpack_entry *list_chunk_remove(struct list_chunk *chunk, const struct listpack_entry *entry, size_t count) {
    struct listpack *pack = to_start(chunk, &entry);
    entry = listpack_remove(&pack, entry, count);
    edited(chunk, pack);
    return entry;
}

struct list_chunk list_chunk_split(struct list_chunk *chunk, const struct listpack_entry *entry) {
    struct listpack *pack = to_start(chunk, &entry), *moved = listpack_copy(pack);
    size_t before = 0;
    for (const struct listpack_entry *at = listpack_first(pack); at != entry; at = listpack_next(pack, at)) before++;
    listpack_remove(&moved, listpack_first(moved), before);
    listpack_remove(&pack, entry, SIZE_MAX);
    edited(chunk, pack);
    return list_chunk_of(&moved);
}

void list_chunk_join(struct list_chunk *chunk, struct list_chunk *next) {
    const struct listpack_entry *none = NULL;
    struct listpack *pack = to_start(chunk, &none);
    listpack_join(&pack, list_chunk_pack(next));
    edited(chunk, pack);
    list_chunk_free(next);
}

/* ---- compression ---- */

void list_chunk_compress(struct list_chunk *chunk) {
    if (chunk->kind != LIST_CHUNK_PACKED || chunk->is_not_smaller) return;
    struct slice bytes = listpack_bytes(list_chunk_pack(chunk));
    chunk->is_not_smaller = true;
    if (bytes.size < COMPRESS_MIN_BYTES) return;
    char *block = mem_alloc(SIZE_BYTES + bytes.size);
    size_t packed = lzf_pack(bytes, block + SIZE_BYTES, bytes.size - COMPRESS_MIN_GAIN);
    if (packed == 0) {
        mem_free(block);
        return;
    }
    uint32_t size = (uint32_t)bytes.size;
    memcpy(block, &size, sizeof size);
    mem_free(chunk->block);
    chunk->block = mem_realloc(block, SIZE_BYTES + packed);
    chunk->gap = (uint32_t)packed;
    chunk->kind = LIST_CHUNK_COMPRESSED;
}

struct listpack *list_chunk_unpacked(const struct list_chunk *chunk) {
    size_t size = unpacked_size(chunk);
    char *block = mem_alloc(size);
    CHECK(lzf_unpack(slice_make((char *)chunk->block + SIZE_BYTES, chunk->gap), block, size));
    return (struct listpack *)(void *)block;
}

void list_chunk_expand(struct list_chunk *chunk) {
    if (chunk->kind != LIST_CHUNK_COMPRESSED) return;
    struct listpack *pack = list_chunk_unpacked(chunk);
    mem_free(chunk->block);
    chunk->block = pack;
    chunk->gap = 0;
    chunk->kind = LIST_CHUNK_PACKED;
    chunk->is_not_smaller = false;
}
