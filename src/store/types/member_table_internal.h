/* How the members of a member_table lie in memory, for its two files: the one that changes it and the one that walks it.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/mem.h"
#include "store/types/member_table.h"

enum {
    CHUNK_BITS = 9, /* 4 KiB of pointers */
    CHUNK_BUCKETS = 1 << CHUNK_BITS,
    FILL_MAX = 12, /* members a bucket, on average, above which one is split */
    FILL_MIN = 4,  /* ... below which one is merged */
    TAG_SHIFT = 8, /* first hash bit in a slot */
    TAG_BITS = 16,
    NEAR_MAX = 256, /* bytes of key and value that lie in the block */
    CAPACITY_MAX = 65528
};
enum { HEAD_FAR = 0x80, HEAD_DEADLINE = 0x40, HEAD_SIZE = 0x3f };

struct block {
    uint16_t capacity; /* bytes of the whole block */
    uint16_t used;     /* bytes of entries */
    uint16_t count;
    uint16_t unused;
    uint32_t slots[];
};
enum { BLOCK_HEAD = 8, SLOT_BYTES = 4 };

struct far { /* key, then value */
    size_t   value_size;
    uint32_t key_size;
    char     bytes[];
};

struct member_table {
    struct block         ***chunks;
    uint64_t                low_mask; /* 2^L - 1 */
    size_t                  split;    /* the next bucket to be split */
    size_t                  count;
    size_t                  memory; /* of blocks and far members */
    size_t                  blocks; /* of these: how many */
    uint32_t                chunk_count, chunk_capacity;
    uint32_t                longest; /* at least the members of any bucket */
    const struct hash_key  *hash_key;
};

static inline uint16_t tag_of(uint64_t hash) {
    return (uint16_t)(hash >> TAG_SHIFT);
}

/* ---- entries ---- */

static inline size_t key_head(size_t key_size) { /* bytes that say how long the key is */
    return key_size < HEAD_SIZE ? 1 : 3;
}

static inline bool is_far(struct slice key, struct slice value) {
    return key.size > NEAR_MAX || value.size > NEAR_MAX - key.size;
}

static inline size_t deadline_size(int64_t deadline_ms) {
    return deadline_ms == MEMBER_NEVER ? 0 : sizeof deadline_ms;
}

static inline size_t entry_size(struct slice key, struct slice value, int64_t deadline_ms) {
    size_t body = is_far(key, value) ? 1 + sizeof(struct far *) : key_head(key.size) + key.size + value.size;
    return body + deadline_size(deadline_ms);
}

static inline struct far *far_of(const char *entry) {
    struct far *far;
    memcpy(&far, entry + 1 + (*entry & HEAD_DEADLINE ? 8 : 0), sizeof far);
    return far;
}

static inline void decode(const char *entry, size_t size, struct member *member) {
    uint8_t     head = (uint8_t)*entry;
    const char *at = entry + 1, *end = entry + size;
    size_t      key_size = head & HEAD_SIZE;
    if (UNLIKELY(!(head & HEAD_FAR) && key_size == HEAD_SIZE)) {
        uint16_t size16;
        memcpy(&size16, at, sizeof size16);
        key_size = size16;
        at += sizeof size16;
    }
    member->deadline_ms = MEMBER_NEVER;
    if (UNLIKELY(head & HEAD_DEADLINE)) {
        memcpy(&member->deadline_ms, at, sizeof member->deadline_ms);
        at += sizeof member->deadline_ms;
    }
    if (UNLIKELY(head & HEAD_FAR)) {
        struct far *far;
        memcpy(&far, at, sizeof far);
        member->key = slice_make(far->bytes, far->key_size);
        member->value = slice_make(far->bytes + far->key_size, far->value_size);
    } else {
        member->key = slice_make(at, key_size);
        member->value = slice_make(at + key_size, (size_t)(end - at) - key_size);
    }
}

/* ---- blocks ---- */

static inline char *end_of(const struct block *block) {
    return (char *)block + block->capacity;
}

static inline unsigned distance_at(const struct block *block, unsigned i) {
    return block->slots[i] & 0xffff;
}

static inline const char *entry_at(const struct block *block, unsigned i, size_t *size) {
    unsigned distance = distance_at(block, i);
    *size = distance - (i ? distance_at(block, i - 1) : 0);
    return end_of(block) - distance;
}

static inline void member_at(const struct block *block, unsigned i, struct member *member) {
    size_t      size;
    const char *entry = entry_at(block, i, &size);
    decode(entry, size, member);
}

static inline size_t needed(size_t used, size_t count) {
    return BLOCK_HEAD + used + count * SLOT_BYTES;
}

static inline size_t block_bytes(const struct block *block) {
    return block->capacity == CAPACITY_MAX ? mem_good_size(CAPACITY_MAX) & ~(size_t)7 : block->capacity;
}

/* ---- the directory ---- */

static inline size_t bucket_count(const struct member_table *table) {
    return (size_t)table->low_mask + 1 + table->split;
}

static inline struct block **bucket_at(const struct member_table *table, size_t index) {
    return &table->chunks[index >> CHUNK_BITS][index & (CHUNK_BUCKETS - 1)];
}

static inline size_t index_of(const struct member_table *table, uint64_t hash) {
    size_t index = hash & table->low_mask;
    if (index < table->split) index = hash & (table->low_mask << 1 | 1);
    return index;
}
