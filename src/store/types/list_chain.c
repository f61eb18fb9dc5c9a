#include "store/types/list_chain.h"
#include "base/mem.h"

enum {
    FIRST_CAPACITY = 2,
    SAFE_BYTES = 8192, /* of a chunk whose limit is a number of elements */
    SAMPLE_CHUNKS = 64
};

/* ---- the whole ---- */

struct list_chain *list_chain_new(int32_t max_size, uint32_t compress_depth) {
    struct list_chain *chain = mem_zalloc(sizeof *chain);
    chain->ring = mem_alloc(FIRST_CAPACITY * sizeof *chain->ring);
    chain->mask = FIRST_CAPACITY - 1;
    chain->max_size = max_size;
    chain->compress_depth = compress_depth;
    return chain;
}

void list_chain_free(struct list_chain *chain) {
    for (uint32_t i = 0; i < chain->used; i++) list_chunk_free(list_chain_chunk(chain, i));
    mem_free(chain->ring);
    mem_free(chain);
}

struct list_chain *list_chain_copy(const struct list_chain *chain) {
    struct list_chain *copy = mem_alloc(sizeof *copy);
    *copy = *chain;
    copy->ring = mem_alloc((chain->mask + (size_t)1) * sizeof *copy->ring);
    copy->first = 0;
    for (uint32_t i = 0; i < chain->used; i++) copy->ring[i] = list_chunk_copy(list_chain_chunk(chain, i));
    return copy;
}

size_t list_chain_memory(const struct list_chain *chain) {
    size_t bytes = 0;
    uint32_t step = chain->used / SAMPLE_CHUNKS + 1, looked_at = 0;
    for (uint32_t i = 0; i < chain->used; i += step, looked_at++) bytes += list_chunk_memory(list_chain_chunk(chain, i));
    if (looked_at) bytes = (size_t)((double)bytes * chain->used / looked_at);
    return bytes + mem_size(chain) + mem_size(chain->ring);
}

void list_chain_defrag(struct list_chain *chain, uint64_t *cursor, size_t *moved, size_t *left) {
    enum { CHUNKS_AT_ONCE = 16 };
    uint64_t i = *cursor;
    for (unsigned n = 0; n < CHUNKS_AT_ONCE && i < chain->used; n++, i++) {
        struct list_chunk *chunk = list_chain_chunk(chain, (uint32_t)i);
        void *copy = mem_defrag(chunk->block);
        if (copy) chunk->block = copy;
        *(copy ? moved : left) += 1;
    }
    *cursor = i < chain->used ? i : 0;
}

/* ---- the array ---- */

static void grow(struct list_chain *chain) {
    size_t capacity = (chain->mask + (size_t)1) * 2;
    CHECK(capacity <= UINT32_MAX / 2);
    struct list_chunk *ring = mem_alloc(capacity * sizeof *ring);
    for (uint32_t i = 0; i < chain->used; i++) ring[i] = *list_chain_chunk(chain, i);
    mem_free(chain->ring);
    chain->ring = ring;
    chain->mask = (uint32_t)capacity - 1;
    chain->first = 0;
}

void list_chain_add(struct list_chain *chain, uint32_t i, struct list_chunk chunk) {
    if (chain->used == chain->mask + 1) grow(chain);
    if (i < chain->used / 2) { /* those before it move */
        chain->first = (chain->first - 1) & chain->mask;
        for (uint32_t at = 0; at < i; at++) *list_chain_chunk(chain, at) = *list_chain_chunk(chain, at + 1);
    } else {
        for (uint32_t at = chain->used; at > i; at--) *list_chain_chunk(chain, at) = *list_chain_chunk(chain, at - 1);
    }
    *list_chain_chunk(chain, i) = chunk;
    chain->used++;
    chain->count += chunk.count;
}

void list_chain_drop(struct list_chain *chain, uint32_t i, uint32_t count) {
    for (uint32_t at = i; at < i + count; at++) {
        struct list_chunk *chunk = list_chain_chunk(chain, at);
        chain->count -= chunk->count;
        list_chunk_free(chunk);
    }
    uint32_t behind = chain->used - i - count;
    if (i < behind) {
        for (uint32_t at = i; at-- > 0;) *list_chain_chunk(chain, at + count) = *list_chain_chunk(chain, at);
        chain->first = (chain->first + count) & chain->mask;
    } else {
        for (uint32_t at = i; at < i + behind; at++) *list_chain_chunk(chain, at) = *list_chain_chunk(chain, at + count);
    }
    chain->used -= count;
}

void list_chain_split(struct list_chain *chain, uint32_t i, const struct listpack_entry *entry) {
    struct list_chunk behind = list_chunk_split(list_chain_chunk(chain, i), entry);
    chain->count -= behind.count;
    list_chain_add(chain, i + 1, behind);
    chain->has_loose = true;
}

uint32_t list_chain_find(const struct list_chain *chain, size_t *index) {
    if (*index < chain->count / 2) {
        uint32_t i = 0;
        for (size_t here; *index >= (here = list_chain_chunk(chain, i)->count); i++) *index -= here;
        return i;
    }
    size_t behind = chain->count - *index; /* it is the behind-th from the end */
    uint32_t i = chain->used - 1;
    for (size_t here; behind > (here = list_chain_chunk(chain, i)->count); i--) behind -= here;
    *index = list_chain_chunk(chain, i)->count - behind;
    return i;
}

/* ---- how large, how small ---- */

static size_t limit_bytes(const struct list_chain *chain) {
    static const size_t limits[] = {4096, 8192, 16384, 32768, 65536};
    if (chain->max_size >= 0) return SAFE_BYTES;
    return limits[MIN(-(int64_t)chain->max_size, (int64_t)COUNT_OF(limits)) - 1];
}

static size_t limit_count(const struct list_chain *chain) {
    return chain->max_size < 0 ? LIST_CHUNK_COUNT_MAX : MIN(MAX((size_t)chain->max_size, (size_t)1), (size_t)INT16_MAX);
}

bool list_chain_has_room(const struct list_chain *chain, uint32_t i, size_t more) {
    const struct list_chunk *chunk = list_chain_chunk(chain, i);
    return chunk->count < limit_count(chain) && listpack_size(list_chunk_pack(chunk)) + more <= limit_bytes(chain);
}

bool list_chain_is_over(const struct list_chain *chain, uint32_t i) {
    return list_chunk_size(list_chain_chunk(chain, i)) > limit_bytes(chain);
}

static bool is_inner(const struct list_chain *chain, uint32_t i) {
    return chain->compress_depth && i >= chain->compress_depth && chain->used - i > chain->compress_depth;
}

void list_chain_leave(struct list_chain *chain, uint32_t i) {
    if (is_inner(chain, i)) list_chunk_compress(list_chain_chunk(chain, i));
}

void list_chain_tidy(struct list_chain *chain) {
    if (LIKELY(!chain->has_loose || !chain->compress_depth)) return;
    for (uint32_t i = chain->compress_depth; i < chain->used; i++) list_chain_leave(chain, i);
    chain->has_loose = false;
}

static bool may_join(const struct list_chain *chain, const struct list_chunk *a, const struct list_chunk *b) {
    return a->kind == LIST_CHUNK_PACKED && b->kind == LIST_CHUNK_PACKED && a->count + (size_t)b->count <= limit_count(chain) &&
           list_chunk_size(a) + list_chunk_size(b) <= limit_bytes(chain) / 2;
}

void list_chain_compact(struct list_chain *chain) {
    if (chain->used < 2) return;
    uint32_t last = 0; /* of those that stay */
    for (uint32_t i = 1; i < chain->used; i++) {
        struct list_chunk *kept = list_chain_chunk(chain, last), *next = list_chain_chunk(chain, i);
        if (may_join(chain, kept, next))
            list_chunk_join(kept, next);
        else
            *list_chain_chunk(chain, ++last) = *next;
    }
    chain->used = last + 1;
}
